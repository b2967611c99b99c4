/** Conformance: the keys that certificates are for, and what of a CSR is used: its key alone (row C2). */
import {
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  X509Certificate,
} from 'node:crypto';
import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import { oversizedRsaKey } from '../../local/azure/certificates/oversized-rsa-key.ts';
import { commonName, extendedKeyUsage, uriAlternativeName } from '../../shared/authority/x509.ts';
import { parseCertificate } from '../../shared/encoding/certificate.ts';
import {
  bitString,
  explicit,
  oid,
  sequence,
  setOf,
  smallInteger,
} from '../../shared/encoding/der-encode.ts';
import { OID } from '../../shared/encoding/oids.ts';
import { decodePem, encodePem } from '../../shared/encoding/pem.ts';
import { sshPublicKey, sshPublicKeyLine } from '../../shared/encoding/ssh-public-key.ts';
import { sshMpint, sshString } from '../../shared/encoding/ssh-wire.ts';
import { createScene } from '../broker/fixtures.ts';
import { certificationRequest, join, joined, newKey } from '../broker/joiner.ts';
import { sharedRsaKeys } from '../shared-rsa-keys.ts';

const CSR = 'request.certificates[0].csr';
const SSH_KEY = 'request.certificates[0].ssh_public_key';
const rsa = (bits: 2048 | 4096, exponent: 3 | 65537 = 65537): KeyObject =>
  sharedRsaKeys().keyPair('certificate', { bits, exponent }).privateKey;
const ec = (namedCurve: string): KeyObject => generateKeyPairSync('ec', { namedCurve }).privateKey;

interface CsrParts {
  readonly publicKeyInfo?: Uint8Array;
  readonly subject?: Uint8Array;
  readonly attributes?: readonly Uint8Array[];
  readonly algorithm?: Uint8Array;
  readonly sign?: (info: Uint8Array) => Uint8Array;
}

/** A CSR of any parts; by default that of an ECDSA key. */
function csrOf(parts: CsrParts, key = newKey()): string {
  const publicKeyInfo =
    parts.publicKeyInfo ?? createPublicKey(key).export({ format: 'der', type: 'spki' });
  const info = sequence(
    smallInteger(0),
    parts.subject ?? sequence(),
    publicKeyInfo,
    explicit(0, ...(parts.attributes ?? [])),
  );
  const algorithm = parts.algorithm ?? sequence(oid(OID.ecdsaWithSHA256));
  const signature = parts.sign?.(info) ?? sign('sha256', info, key);
  return encodePem('CERTIFICATE REQUEST', sequence(info, algorithm, bitString(signature)));
}

async function joinWith(wish: Record<string, unknown>) {
  const { api, vm } = await createScene();
  return { api, attempt: await join(api, vm, { wish }) };
}

describe('C2 admits a key of kind', () => {
  test.each([
    ['ECDSA P-256', () => ec('P-256'), 'ecdsa-sha2-nistp256-cert-v01@openssh.com'],
    ['ECDSA P-384', () => ec('P-384'), 'ecdsa-sha2-nistp384-cert-v01@openssh.com'],
    [
      'Ed25519',
      () => generateKeyPairSync('ed25519').privateKey,
      'ssh-ed25519-cert-v01@openssh.com',
    ],
    ['RSA-2048', () => rsa(2048), 'ssh-rsa-cert-v01@openssh.com'],
  ])('%s', async (_, makeKey, type) => {
    const key = makeKey();
    const line = sshPublicKeyLine(sshPublicKey(createPublicKey(key)) ?? never(), 'me@here');
    for (const wish of [{ csr: certificationRequest(key) }, { ssh_public_key: line }]) {
      const { attempt } = await joinWith(wish);
      const [certificate] = joined(attempt).certificates;
      expect(certificate?.ssh?.split(' ')[0]).toBe(type);
    }
    const { attempt } = await joinWith({ csr: certificationRequest(key) });
    const leaf = new X509Certificate(joined(attempt).certificates[0]?.tls ?? '');
    expect(leaf.publicKey.equals(createPublicKey(key))).toBe(true);
  });
});

const never = (): never => {
  throw new Error('not a key that SSH knows');
};

describe('C2 refuses a CSR', () => {
  test.each([
    [
      'of RSA-1024',
      () => certificationRequest(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey),
    ],
    ['of RSA with exponent 3', () => certificationRequest(rsa(2048, 3))],
    [
      'of RSA-16384',
      () => {
        const key = oversizedRsaKey();
        return csrOf({
          publicKeyInfo: key.publicKeyInfo,
          algorithm: key.algorithm('sha256'),
          sign: (info) => key.sign('sha256', info),
        });
      },
    ],
    ['of ECDSA P-521', () => certificationRequest(ec('P-521'))],
    ['of ECDSA secp256k1', () => certificationRequest(ec('secp256k1'))],
    [
      'of Ed448',
      () => {
        const key = generateKeyPairSync('ed448').privateKey;
        const algorithm = sequence(oid('1.3.101.113'));
        return csrOf({ algorithm, sign: (info) => sign(null, info, key) }, key);
      },
    ],
    [
      'of a key agreement key',
      () => {
        const key = generateKeyPairSync('x25519').privateKey;
        return csrOf({ sign: () => Buffer.alloc(64) }, key);
      },
    ],
    ['signed with SHA-1', () => csrOf({ algorithm: sequence(oid('1.2.840.10045.4.1')) })],
    [
      'whose key is garbage',
      () => csrOf({ publicKeyInfo: sequence(sequence(), bitString(Buffer.of(1))) }),
    ],
    ['with something behind it', () => `${certificationRequest(newKey())}more`],
    ['twice', () => certificationRequest(newKey()).repeat(2)],
    [
      'that is a certificate',
      () => certificationRequest(newKey()).replaceAll('CERTIFICATE REQUEST', 'CERTIFICATE'),
    ],
    ['that is DER in base64', () => 'MIIB'],
    ['that is empty', () => ''],
  ])('%s', async (_, csr) => {
    const { attempt } = await joinWith({ csr: csr() });
    expect(attempt).toBeProblem('bad_request', CSR);
  });

  test('of more than 8,192 characters', async () => {
    const { attempt } = await joinWith({ csr: 'x'.repeat(8193) });
    expect(attempt).toBeProblem('bad_request', CSR);
  });
});

describe('C2 looks at the signatures of CSRs last: no stranger makes us check sixteen of them', () => {
  const wish = { csr: certificationRequest(newKey(), newKey()) };

  test('of a machine of another subscription', async () => {
    const { api } = await createScene();
    const options = { resourceGroup: 'group1', systemAssigned: true };
    const other = api.tenant.subscription().virtualMachine('vm-b', options);
    expect(await join(api, other, { wish })).toBeDenied(api, 'rule_mismatch');
  });

  test('of a machine whose token is forged', async () => {
    const { api, vm } = await createScene();
    const evidence = { token: { changedSignature: true } };
    expect(await join(api, vm, { wish, evidence })).toBeDenied(api, 'access_token_signature');
  });

  test('of a machine that does not exist', async () => {
    const { api, vm } = await createScene();
    vm.remove();
    expect(await join(api, vm, { wish })).toBeDenied(api, 'machine_not_found');
  });
});

describe('C2 denies a CSR', () => {
  test.each([
    ['signed with another key', () => certificationRequest(newKey(), newKey())],
    ['signed with a key of another kind', () => certificationRequest(newKey(), rsa(2048))],
    ['whose signature is empty', () => csrOf({ sign: () => Buffer.of() })],
    [
      'whose subject was changed after it was signed',
      () => {
        const key = newKey();
        const signed = sequence(
          smallInteger(0),
          sequence(),
          createPublicKey(key).export({ format: 'der', type: 'spki' }),
          explicit(0),
        );
        return csrOf({ subject: commonName('root'), sign: () => sign('sha256', signed, key) }, key);
      },
    ],
  ])('%s', async (_, csr) => {
    const { api, attempt } = await joinWith({ csr: csr() });
    expect(attempt).toBeDenied(api, 'key_not_possessed');
  });

  test('of the second certificate, signed with another key', async () => {
    const { api, vm } = await createScene();
    const certificates = [
      { name: 'identity', csr: certificationRequest(newKey()) },
      { name: 'output', csr: certificationRequest(newKey(), newKey()) },
    ];
    expect(await join(api, vm, { request: { certificates } })).toBeDenied(api, 'key_not_possessed');
  });
});

const sshRsa = (bits: number): string => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: bits });
  const { n = '', e = '' } = publicKey.export({ format: 'jwk' });
  const field = (text: string) => sshMpint(Buffer.from(text, 'base64url'));
  const blob = Buffer.concat([sshString('ssh-rsa'), field(e), field(n)]);
  return `ssh-rsa ${blob.toString('base64')}`;
};
const good = sshPublicKeyLine(sshPublicKey(createPublicKey(newKey())) ?? never());

describe('C2 refuses an SSH key', () => {
  test.each([
    ['of RSA-1024', sshRsa(1024)],
    ['of DSA', `ssh-dss ${Buffer.from(sshString('ssh-dss')).toString('base64')}`],
    [
      'of a security key',
      good.replace('ecdsa-sha2-nistp256', 'sk-ecdsa-sha2-nistp256@openssh.com'),
    ],
    [
      'that is a certificate',
      good.replace('ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp256-cert-v01@openssh.com'),
    ],
    ["whose type is not its blob's", good.replace('ecdsa-sha2-nistp256', 'ssh-ed25519')],
    ['with options before it', `command="id" ${good}`],
    ['and a second line', `${good}\n${good}`],
    ['and a principal on a second line', `${good} me\n@cert-authority`],
    ['with bytes behind it', `${good.slice(0, -4)}AAAAAAAA`],
    ['that is empty', ''],
  ])('%s', async (_, line) => {
    const { attempt } = await joinWith({ ssh_public_key: line });
    expect(attempt).toBeProblem('bad_request', SSH_KEY);
  });
});

test('C2 the subject, alternative names and extensions of a CSR never show up in the certificate', async () => {
  const { api, vm } = await createScene();
  const key = newKey();
  const wanted = sequence(
    uriAlternativeName('spiffe://test.example.org/bot/evil'),
    extendedKeyUsage(OID.serverAuth),
    sequence(oid(OID.basicConstraints), Buffer.from('0401020403300301', 'hex').subarray(2)),
  );
  const EXTENSION_REQUEST = '1.2.840.113549.1.9.14';
  const csr = csrOf(
    {
      subject: commonName('evil'),
      attributes: [sequence(oid(EXTENSION_REQUEST), setOf(wanted))],
    },
    key,
  );
  const answer = joined(await join(api, vm, { key, wish: { csr } }));
  const [der] = decodePem('CERTIFICATE', answer.certificates[0]?.tls ?? '') ?? [];
  if (!der) throw new Error('no certificate');
  expect(Buffer.from(der).includes('evil')).toBe(false);
  expect(new X509Certificate(der).subject).toBe('CN=example');
  expect(parseCertificate(der).extensions).toMatchObject({
    basicConstraints: { ca: false },
    extendedKeyUsage: [OID.serverAuth, OID.clientAuth],
    dnsNames: [],
    uris: [`spiffe://test.example.org/bot/example/${answer.instance_id}`],
    unknownCritical: [],
  });
  expect(Buffer.from(answer.certificates[0]?.ssh ?? '', 'base64').includes('evil')).toBe(false);
});

describe('C2 refuses', () => {
  test('two certificates of one name', async () => {
    const { api, vm } = await createScene();
    const certificates = [1, 2].map(() => ({ name: 'same', csr: certificationRequest(newKey()) }));
    const attempt = await join(api, vm, { request: { certificates } });
    expect(attempt).toBeProblem('bad_request', 'request.certificates[1].name');
  });

  test.each([
    ['no certificate', 0],
    ['17 certificates', 17],
  ])('%s', async (_, count) => {
    const { api, vm } = await createScene();
    const certificates = Array.from({ length: count }, (_unused, i) => ({
      name: `n${i}`,
      csr: certificationRequest(newKey()),
    }));
    const attempt = await join(api, vm, { request: { certificates } });
    expect(attempt).toBeProblem('bad_request', 'request.certificates');
  });

  test('a host certificate for a bot', async () => {
    const { attempt } = await joinWith({ type: 'host' });
    expect(attempt).toBeProblem('bad_request', 'request.certificates[0].type');
  });
});
