/** What lies in the directories of bots and of hosts, file by file. */
import { generateKeyPairSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hostFiles } from '../../agent/host-files.ts';
import { writeOwnIdentity } from '../../agent/identity-directory.ts';
import { IDENTITY_FILES, identityFiles, OPENSSH_FILES } from '../../agent/identity-files.ts';
import type { Instance } from '../../agent/instance-state.ts';
import type { IssuedCertificate } from '../../agent/issued-certificate.ts';
import { KRL_FILE } from '../../agent/revocation/list-files.ts';
import type { VerifiedTrust } from '../../agent/trust-bundle.ts';
import { makeTrustBundle } from '../../shared/authority/trust-bundle.ts';
import { createAuthorities } from './authorities.ts';
import { START } from './clock.ts';
import { temporaryFolder } from './folder.ts';

const bundle = makeTrustBundle('test.example.com', await createAuthorities(START), START);
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const certificate: IssuedCertificate = {
  name: 'identity',
  privateKey,
  tls: 'a chain',
  ssh: 'a line',
  roles: [],
  names: ['vm.test.example.com'],
  issued: START,
  expires: START,
};
const without = <T extends object>(whole: T, name: keyof T): T => {
  const { [name]: _, ...rest } = whole;
  return rest as T;
};

describe("a bot's files", () => {
  const form = {
    directory: '/out/50%',
    hosts: ['db'],
    withOpensshKey: true,
    withRevokedHosts: true,
  };

  test('are those that are said to be there, and no other', () => {
    const names = [...identityFiles('x', certificate, bundle, form).keys()];
    expect(names.toSorted()).toEqual([...IDENTITY_FILES, ...OPENSSH_FILES].toSorted());
  });

  test('have the SSH certificate as one line, under the names that programs look for', () => {
    const files = identityFiles('x', certificate, bundle, form);
    for (const name of ['sshcert', 'key-cert.pub', 'id_ecdsa-cert.pub'])
      expect(files.get(name)).toBe('a line\n');
    const none = [...identityFiles('x', without(certificate, 'ssh'), bundle, form).keys()];
    expect(none.filter((name) => name.includes('cert.pub') || name === 'sshcert')).toEqual([]);
  });

  const config = (one = certificate, more = {}) =>
    identityFiles('x', one, bundle, { ...form, ...more }).get('ssh_config');

  test('configure ssh for their hosts, with this key alone', () => {
    expect(config()).toBe(
      `Host *.test.example.com db
    IdentityFile "/out/50%%/key"
    CertificateFile "/out/50%%/key-cert.pub"
    UserKnownHostsFile "/out/50%%/known_hosts" ~/.ssh/known_hosts
    RevokedHostKeys "/out/50%%/revoked.krl"
    IdentitiesOnly yes
    StrictHostKeyChecking yes
`,
    );
    expect(config(without(certificate, 'ssh'), { withRevokedHosts: false })).toBe(
      `Host *.test.example.com db
    IdentityFile "/out/50%%/key"
    UserKnownHostsFile "/out/50%%/known_hosts" ~/.ssh/known_hosts
    IdentitiesOnly yes
    StrictHostKeyChecking yes
`,
    );
    expect(config(certificate, { directory: undefined })).toBeUndefined();
  });
});

test.each([
  ['a name', { ...certificate, names: [] }],
  ['an SSH form', without(certificate, 'ssh')],
])("a host's certificate without %s is a mistake of ours", (_, one) => {
  expect(() => hostFiles(one, bundle)).toThrow("a host's certificate has a name and an SSH form");
});

describe("the agent's own directory", () => {
  const instance = { key: privateKey, expires: START, trust: {} } as Instance;
  const trust = { bundle } as VerifiedTrust;
  async function write(role: Instance['role'], bot?: string) {
    const path = await temporaryFolder();
    const joined = { instance: { ...instance, role, ...(bot && { bot }) }, trust } as const;
    const store = (lists?: ReadonlyMap<string, string>) =>
      writeOwnIdentity(path, { ...joined, certificates: [certificate] }, START, lists);
    const read = (name: string) => readFile(join(path, name), 'utf8').catch(() => undefined);
    return { store, read };
  }

  test("of a bot has an identity for the cluster's hosts, once, and no list", async () => {
    const { store, read } = await write('Bot', 'x');
    await store();
    const config = await read('ssh_config');
    expect(config).toMatch(/^Host \*\.test\.example\.com\n/);
    expect(config).not.toContain('RevokedHostKeys');
    for (const name of [...OPENSSH_FILES, KRL_FILE]) expect(await read(name)).toBeUndefined();
  });

  test("keeps a Node's list of what is revoked where no newer one is given", async () => {
    const { store, read } = await write('Node');
    await store();
    expect(await read(KRL_FILE)).toContain('nothing is known yet');
    await store(new Map([[KRL_FILE, 'revoked']]));
    await store();
    expect(await read(KRL_FILE)).toBe('revoked');
  });

  test('of another host has no such list', async () => {
    const { store, read } = await write('App');
    await store();
    expect(await read('tlscert')).toBe('a chain');
    expect(await read(KRL_FILE)).toBeUndefined();
  });
});
