/** What each output writes, by its part of the config file: without an agent, or a program that reads it. */
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { IssuedCertificate } from '../../../agent/issued-certificate.ts';
import type { Material } from '../../../agent/outputs/output.ts';
import {
  contentOf,
  joinOf,
  OUTPUT_TYPES,
  type OutputConfig,
  outputSchema,
} from '../../../agent/outputs/outputs.ts';
import { passwordOf } from '../../../agent/outputs/pkcs12-fields.ts';
import { makeTrustBundle } from '../../../shared/authority/trust-bundle.ts';
import { createAuthorities } from '../authorities.ts';
import { START } from '../clock.ts';
import { temporaryFolder } from '../folder.ts';

const authorities = await createAuthorities(START);
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ROOTS = authorities.roots[0]?.certificate ?? new Uint8Array();
const CHAIN = authorities.issuing.pem;
const KEY = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
const KEY_DER = privateKey.export({ format: 'der', type: 'pkcs8' });
const trust = makeTrustBundle('test.example.com', authorities, START);

const material: Material = {
  certificate: {
    name: 'output-1',
    privateKey,
    tls: CHAIN,
    ssh: 'a line',
    roles: [],
    names: ['vm.test.example.com'],
    issued: START,
    expires: START,
  } satisfies IssuedCertificate,
  trust,
  owner: 'x',
  directory: '/out',
};

const contentFor = (fields: object, isHost = false, isKubernetesSecret = false) =>
  contentOf({ destination: { type: 'memory' }, ...fields } as OutputConfig, {
    isHost,
    isKubernetesSecret,
  });

/** Its files with what is in them, in a word. */
async function filesOf(fields: object, isHost = false): Promise<Record<string, string>> {
  const { names, files } = contentFor(fields, isHost);
  const made = await files(material);
  const tops = [...made.keys()].map((name) => name.split('/')[0] ?? '');
  for (const top of tops) expect(names).toContain(top);
  return Object.fromEntries([...made].map(([name, content]) => [name, wordFor(content)]));
}

function wordFor(content: string | Uint8Array): string {
  if (typeof content !== 'string')
    return Buffer.from(content).equals(KEY_DER)
      ? 'key in DER'
      : authorities.issuing.certificate.every((byte, at) => content[at] === byte)
        ? 'certificate in DER'
        : 'bytes';
  const words = new Map([
    [KEY, 'key'],
    [CHAIN, 'chain'],
    [KEY + CHAIN, 'key and chain'],
    [trust.tls.roots, 'roots'],
  ]);
  return words.get(content) ?? content;
}

test('the roots are those of the trust bundle', () => {
  expect(new X509Certificate(trust.tls.roots).raw).toEqual(Buffer.from(ROOTS));
});

describe('the files of a format', () => {
  const pem = (chain: string, key: string, roots: string) => ({
    [chain]: 'chain',
    [key]: 'key',
    [roots]: 'roots',
  });
  const node = { 'cockroach/node.crt': 'chain', 'cockroach/node.key': 'key' };
  const cockroach = { 'cockroach/ca.crt': 'roots', ...node };
  const postgresql = pem('postgresql.crt', 'postgresql.key', 'root.crt');
  test.each<[string, object, object]>([
    ['pem', pem('tls.crt', 'tls.key', 'tls.cas'), pem('tls.crt', 'tls.key', 'tls.cas')],
    [
      'nginx',
      pem('fullchain.pem', 'privkey.pem', 'ca.pem'),
      pem('fullchain.pem', 'privkey.pem', 'ca.pem'),
    ],
    ['kubernetes', pem('tls.crt', 'tls.key', 'ca.crt'), pem('tls.crt', 'tls.key', 'ca.crt')],
    [
      'mysql',
      pem('client-cert.pem', 'client-key.pem', 'ca.pem'),
      pem('server-cert.pem', 'server-key.pem', 'ca.pem'),
    ],
    [
      'postgresql',
      { ...postgresql, 'postgresql.pk8': 'key in DER' },
      pem('server.crt', 'server.key', 'root.crt'),
    ],
    [
      'cockroach',
      { ...cockroach, 'cockroach/client.x.crt': 'chain', 'cockroach/client.x.key': 'key' },
      cockroach,
    ],
    [
      'combined',
      { 'tls.pem': 'key and chain', 'tls.cas': 'roots' },
      { 'tls.pem': 'key and chain', 'tls.cas': 'roots' },
    ],
    [
      'mongo',
      { 'mongo.crt': 'key and chain', 'mongo.cas': 'roots' },
      { 'mongo.crt': 'key and chain', 'mongo.cas': 'roots' },
    ],
    [
      'der',
      { 'tls.crt.der': 'certificate in DER', 'tls.key.der': 'key in DER', 'tls.cas': 'roots' },
      { 'tls.crt.der': 'certificate in DER', 'tls.key.der': 'key in DER', 'tls.cas': 'roots' },
    ],
    [
      'pkcs12',
      { 'keystore.p12': 'bytes', 'truststore.p12': 'bytes' },
      { 'keystore.p12': 'bytes', 'truststore.p12': 'bytes' },
    ],
  ])('%s are those of a client, and of a server', async (format, client, server) => {
    const config = { type: 'tls', formats: [format] };
    expect(await filesOf(config)).toEqual(client);
    expect(await filesOf(config, true)).toEqual(server);
    for (const [isHost, files] of [
      [false, client],
      [true, server],
    ] as const)
      expect(contentFor(config, isHost).names.toSorted()).toEqual(
        [...new Set(Object.keys(files).map((name) => name.split('/')[0] ?? ''))].toSorted(),
      );
  });
});

test('an output of type tls writes PEM where nothing else is asked for, and Kubernetes has names of its own', async () => {
  expect(Object.keys(await filesOf({ type: 'tls' }))).toEqual(['tls.crt', 'tls.key', 'tls.cas']);
  expect(contentFor({ type: 'tls' }, false, true).names).toEqual(['tls.crt', 'tls.key', 'ca.crt']);
});

test('an output of type spiffe writes what SPIFFE tools read', async () => {
  for (const type of ['spiffe', 'workload-identity-x509'])
    expect(await filesOf({ type })).toEqual({
      'svid.pem': 'chain',
      'svid_key.pem': 'key',
      'svid_bundle.pem': 'roots',
    });
});

const TOOLS = { key: 'key', tlscert: 'chain', tlscacerts: 'roots' };
const TLS = { 'tls.crt': 'chain', 'tls.key': 'key', 'tls.cas': 'roots' };

test('an output of type application has the files of tools, and those called tls where it asks', async () => {
  expect(await filesOf({ type: 'application' })).toEqual(TOOLS);
  expect(contentFor({ type: 'application' }).names).toEqual(Object.keys(TOOLS));
  const named = { type: 'application', specific_tls_naming: true };
  expect(await filesOf(named)).toEqual({ ...TOOLS, ...TLS });
  expect(contentFor(named).notes).toEqual([]);
  expect(contentFor({ type: 'application', app_name: 'x' }).notes).toEqual([
    expect.stringMatching(/^app_name makes no difference here: /),
  ]);
});

test('an output of type database has them in the form that its server reads', async () => {
  expect(await filesOf({ type: 'database' })).toEqual({ ...TOOLS, ...TLS });
  expect(await filesOf({ type: 'database', format: 'tls' })).toEqual({ ...TOOLS, ...TLS });
  expect(await filesOf({ type: 'database', format: 'mongo' })).toEqual({
    ...TOOLS,
    'mongo.crt': 'key and chain',
    'mongo.cas': 'roots',
  });
  const notes = (more: object) => contentFor({ type: 'database', ...more }).notes;
  expect(notes({})).toEqual([]);
  expect(notes({ service: 'a', database: 'b' })).toEqual([
    'service, database of a database output: name them where the client connects',
  ]);
  expect(notes({ database: 'b' })?.[0]).toMatch(/^database of a database output/);
  expect(notes({ username: 'c' })?.[0]).toMatch(/^username of a database output/);
});

describe('an output of type ssh_host', () => {
  const files = async (more: Partial<IssuedCertificate> = {}) =>
    (await contentFor({ type: 'ssh_host' }, true).files({
      ...material,
      certificate: { ...material.certificate, ...more },
    })) as ReadonlyMap<string, string>;

  test("has a host's certificate for a key of its own, which nobody else reads", async () => {
    const made = await files();
    expect([...made.keys()]).toEqual([
      'ssh_host',
      'ssh_host.pub',
      'ssh_host-cert.pub',
      'ssh_host-user-ca.pub',
    ]);
    expect(made.get('ssh_host')).toBe(KEY);
    expect(made.get('ssh_host-cert.pub')).toBe('a line\n');
    expect(made.get('ssh_host-user-ca.pub')).toBe(`${trust.ssh.user_ca[0]}\n`);
    expect(contentFor({ type: 'ssh_host' }, true)).toMatchObject({
      names: [...made.keys()],
      ownerOnly: ['ssh_host'],
      lists: ['revoked.krl'],
      forSsh: true,
      notes: [],
    });
    expect(contentFor({ type: 'ssh_host', principals: ['a'] }, true).notes).toEqual([
      expect.stringMatching(/^principals make no difference here: /),
    ]);
  });

  test("or for sshd's own key, without it", async () => {
    const { publicKey: sshKey } = generateKeyPairSync('ed25519');
    const made = await files({ sshKey });
    expect(made.has('ssh_host')).toBe(false);
    expect(made.get('ssh_host.pub')).toMatch(/^ssh-ed25519 /);
  });

  test('without an SSH form is a mistake of ours', async () => {
    await expect(files({ ssh: undefined } as never)).rejects.toThrow('has an SSH form');
  });
});

test.each([
  ['tls', ['tls.crl'], undefined],
  ['spiffe', ['tls.crl'], undefined],
  ['application', ['tls.crl'], undefined],
  ['database', ['tls.crl'], undefined],
  ['identity', ['tls.crl', 'revoked.krl'], []],
])('an output of type %s has lists of what is revoked only where it asks', (type, lists, none) => {
  expect(contentFor({ type, revocation: true }).lists).toEqual(lists);
  expect(contentFor({ type }).lists).toEqual(none);
  expect(contentFor({ type, revocation: false }).lists).toEqual(none);
});

test('an identity belongs to SSH, with the files that it asks for', async () => {
  const content = contentFor({ type: 'identity' });
  expect(content.forSsh).toBe(true);
  const asked = await filesOf({
    type: 'identity',
    formats: ['openssh'],
    hosts: ['db'],
    revocation: true,
  });
  expect(asked['ssh_config']).toMatch(/^Host \*\.test\.example\.com db\n/);
  expect(asked['ssh_config']).toContain('RevokedHostKeys "/out/revoked.krl"\n');
  expect(asked['id_ecdsa']).toMatch(/^-----BEGIN OPENSSH PRIVATE KEY-----\n/);
  const off = await filesOf({ type: 'identity', ssh_config: 'off' });
  expect(off).not.toHaveProperty('ssh_config');
  expect(off).not.toHaveProperty('id_ecdsa');
  expect((await filesOf({ type: 'identity' }))['ssh_config']).not.toContain('Revoked');
});

describe('the password of a key store', () => {
  async function passwordIn(text: string) {
    const path = join(await temporaryFolder(), 'password');
    await writeFile(path, text);
    return passwordOf({ password_file: path });
  }

  test('is the one of its file, or the one that the JVM takes', async () => {
    expect(await passwordOf({})).toBe('changeit');
    expect(await passwordIn('six of~\r\n')).toBe('six of~');
    expect(await passwordIn('123456')).toBe('123456');
    expect(await passwordIn('123456\n')).toBe('123456');
    expect(await passwordIn('x'.repeat(1024))).toHaveLength(1024);
  });

  test.each(['12345', '123\n456', '123456\n\n', 'x'.repeat(1025), '1234567\u00e4', '\t123456', ''])(
    'is not %j',
    async (text) => {
      await expect(passwordIn(text)).rejects.toMatchObject({
        code: 'files',
        message: expect.stringContaining('expected a password of one line, with 6 to 1024'),
      });
    },
  );

  test('is asked for before the join where a key store needs one', async () => {
    const pkcs12 = { password_file: '/nowhere/password' };
    for (const fields of [
      { type: 'tls', formats: ['pkcs12'] },
      { type: 'database', format: 'pkcs12' },
    ])
      await expect(contentFor({ ...fields, pkcs12 }).check?.()).rejects.toThrow('/nowhere');
    await contentFor({ type: 'tls', pkcs12 }).check?.();
  });
});

test('who may have an output is said: a bot, a host, or both', () => {
  const of = (type: string) => joinOf({ type } as OutputConfig);
  expect(Object.fromEntries(OUTPUT_TYPES.map((type) => [type, of(type)]))).toEqual({
    identity: 'bot',
    application: 'bot',
    database: 'bot',
    ssh_host: 'host',
  });
});

describe('the config file', () => {
  const isTaken = (fields: object): boolean =>
    outputSchema.safeParse({ destination: { type: 'memory' }, ...fields }).success;
  const expectTaken = (fields: object): void =>
    expect({ fields, is: isTaken(fields) }).toEqual({ fields, is: true });
  const expectRefused = (fields: object): void =>
    expect({ fields, is: isTaken(fields) }).toEqual({ fields, is: false });

  test('has each type of output, with the fields that all have', () => {
    for (const type of OUTPUT_TYPES) {
      expectTaken({ type });
      expectTaken({ type, name: 'a', roles: ['a'] });
      expectRefused({ type, more: 1 });
    }
    expectRefused({ type: '' });
    expectRefused({ type: 'tape' });
  });

  test('says whether there are to be lists of what is revoked', () => {
    for (const type of OUTPUT_TYPES.filter((one) => one !== 'ssh_host')) {
      expectTaken({ type, revocation: true });
      expectRefused({ type, revocation: 'true' });
    }
    expectRefused({ type: 'ssh_host', revocation: true });
  });

  test('names the format of a database output', () => {
    const format = (text: string) => ({ type: 'database', format: text });
    for (const one of ['tls', 'mongo', 'cockroach', 'postgresql', 'mysql', 'pkcs12'])
      expectTaken(format(one));
    for (const one of ['', 'oracle', 'pem']) expectRefused(format(one));
  });

  test.each([
    ['application', 'app_name'],
    ['database', 'service'],
    ['database', 'database'],
    ['database', 'username'],
  ])('of type %s has a text of at most 253 letters as %s', (type, field) => {
    expectTaken({ type, [field]: 'x'.repeat(253) });
    expectRefused({ type, [field]: 'x'.repeat(254) });
  });

  test("says of an identity whether it has OpenSSH's own forms", () => {
    const identity = (more: object) => ({ type: 'identity', ...more });
    for (const value of ['on', 'off']) expectTaken(identity({ ssh_config: value }));
    for (const value of ['', 'yes', true]) expectRefused(identity({ ssh_config: value }));
    for (const formats of [[], ['openssh']]) expectTaken(identity({ formats }));
    for (const formats of [['pem'], ['openssh', 'openssh']]) expectRefused(identity({ formats }));
  });

  test('names at least one format of a tls output, and no more than there are', () => {
    const formats = (count: number) => ({ type: 'tls', formats: Array(count).fill('pem') });
    expectRefused(formats(0));
    expectTaken(formats(1));
    expectTaken(formats(10));
    expectRefused(formats(11));
  });

  test('has the alias and the password file of a key store', () => {
    for (const type of ['tls', 'database']) {
      const pkcs12 = (more: object) => ({ type, pkcs12: more });
      expectTaken(pkcs12({}));
      expectTaken(pkcs12({ password_file: '/a', alias: 'a' }));
      expectTaken(pkcs12({ alias: '!'.repeat(64) }));
      for (const alias of ['', 'a b', ' a', 'a ', '\u00e4', 'x'.repeat(65)])
        expectRefused(pkcs12({ alias }));
      expectRefused(pkcs12({ password_file: 'a' }));
      expectRefused(pkcs12({ more: 1 }));
    }
    expectRefused({ type: 'identity', pkcs12: {} });
  });

  test("has sshd's own key for ssh_host, and names that make no difference", () => {
    const sshHost = (more: object) => ({ type: 'ssh_host', ...more });
    for (const key of ['none', '/etc/ssh/key.pub']) expectTaken(sshHost({ host_key: key }));
    for (const key of ['', 'key.pub']) expectRefused(sshHost({ host_key: key }));
    expectTaken(sshHost({ principals: Array(64).fill('x'.repeat(253)) }));
    expectRefused(sshHost({ principals: Array(65).fill('x') }));
    expectRefused(sshHost({ principals: ['x'.repeat(254)] }));
  });
});

test('the public key of an identity is that of its private one', async () => {
  const files = await filesOf({ type: 'identity' });
  expect(files['key']).toBe('key');
  expect(files['key.pub']).toMatch(/^ecdsa-sha2-nistp256 \S+ x\n$/);
});
