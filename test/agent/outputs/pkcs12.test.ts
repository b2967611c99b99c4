/** What is in the key stores, part by part, as OpenSSL shows it; formats.test.ts has the JVM read them. */
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { IssuedCertificate } from '../../../agent/issued-certificate.ts';
import type { Material } from '../../../agent/outputs/output.ts';
import { keyStores } from '../../../agent/outputs/pkcs12.ts';
import { makeTrustBundle } from '../../../shared/authority/trust-bundle.ts';
import { hasProgram } from '../../programs.ts';
import { createAuthorities } from '../authorities.ts';
import { START } from '../clock.ts';
import { temporaryFolder } from '../folder.ts';

const NONE = new Uint8Array();
const authorities = await createAuthorities(START);
const trust = makeTrustBundle('test.example.com', authorities, START);
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const tls = `${authorities.issuing.pem}${trust.tls.roots}`;
const material: Material = {
  certificate: { privateKey, tls } as IssuedCertificate,
  trust: { ...trust, tls: { ...trust.tls, roots: trust.tls.roots.repeat(2) } },
  owner: 'robot',
};

/** What OpenSSL says of it, without what is random and the certificates themselves. */
async function shown(bytes: Uint8Array): Promise<string> {
  const file = join(await temporaryFolder(), 'a.p12');
  await writeFile(file, bytes);
  const args = ['pkcs12', '-info', '-in', file, '-passin', 'pass:changeit', '-nodes'];
  const text = execFileSync('sh', ['-c', 'exec openssl "$@" 2>&1', 'sh', ...args], {
    encoding: 'utf8',
  });
  return text
    .replaceAll(/-----BEGIN ([A-Z ]+)-----[^-]+-----END [A-Z ]+-----/g, '$1')
    .replaceAll(/^(?:subject|issuer)=.*\n/gm, '');
}

const PBES2 = 'PBES2, PBKDF2, AES-256-CBC, Iteration 2048, PRF hmacWithSHA256';
const MAC = 'MAC: sha256, Iteration 2048\nMAC length: 32, salt length: 64\n';

describe.skipIf(!hasProgram('openssl'))('a key store', () => {
  test('has the key and its chain under one alias, encrypted and protected from changes', async () => {
    const [name, bytes] = (await keyStores(material, { alias: 'web' }))[0] ?? ['', NONE];
    expect(name).toBe('keystore.p12');
    const text = await shown(bytes);
    const [id] = /(?<=localKeyID: )(?:[0-9A-F]{2} ){8}/.exec(text) ?? ['none'];
    expect(text).toBe(
      `${MAC}PKCS7 Data
Shrouded Keybag: ${PBES2}
PKCS7 Encrypted data: ${PBES2}
Certificate bag
Certificate bag
Bag Attributes
    friendlyName: web
    localKeyID: ${id}
Key Attributes: <No Attributes>
PRIVATE KEY
Bag Attributes
    friendlyName: web
    localKeyID: ${id}
CERTIFICATE
Bag Attributes: <Empty Attributes>
CERTIFICATE
`,
    );
  });

  test('calls the key joinbot where nothing else is asked for, with another identifier each time', async () => {
    const texts = [];
    for (let times = 0; times < 2; times += 1)
      texts.push(await shown((await keyStores(material, {}))[0]?.[1] ?? NONE));
    expect(texts[0]).toContain('    friendlyName: joinbot\n');
    expect(texts[0]).not.toBe(texts[1]);
  });

  test('of authorities has each under a name of its own, as one that Java trusts', async () => {
    const [name, bytes] = (await keyStores(material, {}))[1] ?? ['', NONE];
    expect(name).toBe('truststore.p12');
    // Older versions of OpenSSL have no name for Oracle's attribute.
    const oracle = /(?:2\.16\.840\.1\.113894\.746875\.1\.1|Trusted key usage \(Oracle\)): .*/g;
    expect((await shown(bytes)).replaceAll(oracle, 'trusted')).toBe(
      `${MAC}PKCS7 Encrypted data: ${PBES2}
Certificate bag
Certificate bag
Bag Attributes
    friendlyName: robot-ca-1
    trusted
CERTIFICATE
Bag Attributes
    friendlyName: robot-ca-2
    trusted
CERTIFICATE
`,
    );
  });
});
