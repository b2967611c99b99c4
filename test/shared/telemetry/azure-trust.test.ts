import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { createRoot } from '../../../local/azure/certificates/authority.ts';
import { newAuthorityKey } from '../../../local/azure/certificates/certificate-key.ts';
import { parseCertificate } from '../../../shared/encoding/certificate.ts';
import { encodePem } from '../../../shared/encoding/pem.ts';
import { addedRootsOf } from '../../../shared/resources/document-anchors.ts';
import { watchAzureTrust } from '../../../shared/telemetry/azure-trust.ts';
import { withOddName } from '../../broker/odd-name.ts';

const NOON = new Date('2026-11-20T12:00:00Z');

const rootResource = (name: string) => ({
  kind: 'azure_root' as const,
  version: 'v1' as const,
  metadata: { name },
  spec: {
    certificate: encodePem('CERTIFICATE', createRoot(name, newAuthorityKey(), NOON).certificate),
  },
});

test('an added root is parsed once, however often readyz is asked, and what replaces it anew', () => {
  const watch = watchAzureTrust([], { audit() {}, measure() {} }, () => NOON);
  const resource = rootResource('a');
  const look = (root = resource) => watch.look(addedRootsOf([root]))[0];
  const first = look();
  expect(first?.expires).toBeInstanceOf(Date);
  // Each parse would make another date.
  expect(look()?.expires).toBe(first?.expires);
  const replaced = look({ ...resource, spec: rootResource('b').spec });
  expect(replaced?.sha256).not.toBe(first?.sha256);
});

test('the end of a root whose name OpenSSL does not read is told like any other', () => {
  const der = withOddName(createRoot('Odd', newAuthorityKey(), NOON).certificate);
  const watch = watchAzureTrust([der], { audit() {}, measure() {} }, () => NOON);
  const [ending] = watch.look([{ name: 'odd', certificate: { der } }]);
  const sha256 = createHash('sha256').update(der).digest('hex');
  const { notAfter: expires } = parseCertificate(der);
  expect(ending).toEqual({
    anchor: 'pinned',
    name: 'a name that can not be read',
    sha256,
    expires,
  });
  expect(watch.look([{ name: 'odd', certificate: { der } }])[1]).toMatchObject({ name: 'odd' });
});
