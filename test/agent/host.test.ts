/** Joining as a host: the files, and what is refused before one of them is written. */
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseSshCertificate } from '../../agent/ssh-certificate.ts';
import type { GrantedCertificate } from '../../shared/protocol/join.ts';
import { createHostRig, type HostRig } from './host-rig.ts';

const NAME = 'vm-a.group1.test.example.org';
const FILES = [
  'known_hosts',
  'revoked.krl',
  'ssh_host_key',
  'ssh_host_key-cert.pub',
  'ssh_host_key.pub',
  'ssh_user_ca.pub',
  'state.json',
  'tlscacerts',
  'tlscert',
  'tlskey',
];

/** What is no part of the set. */
const BESIDE = ['issuing-certificates.json', 'revocation-lists.json'];

const setIn = async ({ data }: HostRig) =>
  (await readdir(data))
    .filter((name) => !name.startsWith('..') && !BESIDE.includes(name))
    .toSorted();
const read = (rig: HostRig, name: string) => readFile(join(rig.data, name), 'utf8');

test('joins once and writes the files of a host, for nobody but their owner', async () => {
  const rig = await createHostRig();
  expect(await rig.once()).toBe(0);
  expect(rig.output.join('')).toMatch(
    new RegExp(`INFO {2}joined as Node ${NAME} \\(instance [0-9a-f-]{36}, generation 1, `),
  );
  expect(await setIn(rig)).toEqual(FILES);
  const modes = FILES.map(async (name) => (await stat(join(rig.data, name))).mode & 0o777);
  expect(new Set(await Promise.all(modes))).toEqual(new Set([0o600]));

  const key = createPublicKey(createPrivateKey(await read(rig, 'tlskey')));
  const leaf = new X509Certificate(await read(rig, 'tlscert'));
  expect(leaf.publicKey.equals(key)).toBe(true);
  expect(leaf.checkHost(NAME)).toBe(NAME);
  const certificate = parseSshCertificate(await read(rig, 'ssh_host_key-cert.pub'));
  expect(certificate).toMatchObject({ kind: 'host', principals: [NAME] });
  expect(await read(rig, 'ssh_host_key')).toBe(await read(rig, 'tlskey'));
  expect(await read(rig, 'known_hosts')).toMatch(/^@cert-authority \* ssh-ed25519 \S+\n$/);
  expect(await read(rig, 'ssh_user_ca.pub')).toMatch(/^ssh-ed25519 \S+\n$/);
});

test('certifies the host key that sshd has, and keeps no key of its own for it', async () => {
  const rig = await createHostRig();
  await rig.once();
  const line = await read(rig, 'ssh_host_key.pub');
  await writeFile(join(rig.folder, 'theirs.pub'), line);
  const flag = `--ssh-host-key=${join(rig.folder, 'theirs.pub')}`;
  expect(await rig.once('ssh_service', flag)).toBe(0);
  expect(await setIn(rig)).toEqual(FILES.filter((name) => name !== 'ssh_host_key'));
  expect(await read(rig, 'ssh_host_key.pub')).toBe(line);
});

test('another service gets the same files but for the list that sshd reads, without a look at it', async () => {
  const rig = await createHostRig();
  expect(await rig.once('app_service')).toBe(0);
  expect(rig.output.join('')).toContain(`joined as App ${NAME} (`);
  expect(await setIn(rig)).toEqual(FILES.filter((name) => name !== 'revoked.krl'));
  expect(rig.commands).toEqual([]);
});

test('renews with a fresh key, also over a restart', async () => {
  const rig = await createHostRig();
  await rig.once();
  const key = await read(rig, 'tlskey');
  expect(await rig.once()).toBe(0);
  expect(rig.output.join('')).toMatch(/renewed as Node \S+ \(instance \S+, generation 2, /);
  expect(await read(rig, 'tlskey')).not.toBe(key);
});

test('joins afresh where the directory is of another role', async () => {
  const rig = await createHostRig();
  await rig.once();
  expect(await rig.once('app_service')).toBe(0);
  expect(rig.output.join('')).toContain('joining afresh: the state in');
  expect(rig.output.join('')).toContain('joined as App');
});

describe('writes nothing where the broker answers with', () => {
  const bend = (change: (granted: GrantedCertificate) => GrantedCertificate) => (rig: HostRig) => {
    rig.bend = (answer) => ({ ...answer, certificates: answer.certificates.map(change) });
  };
  test.each([
    ['no name', bend(({ names: _, ...rest }) => rest), 'it names no host'],
    ['an empty list of names', bend((one) => ({ ...one, names: [] })), 'it names no host'],
    [
      'a name that is none',
      bend((one) => ({ ...one, names: [`${NAME}\n@cert-authority`] })),
      'a name of it is no DNS name',
    ],
    [
      'other names than those in the certificate',
      bend((one) => ({ ...one, names: ['other.test.example.org'] })),
      'it is for other names',
    ],
    ['no SSH certificate', bend(({ ssh: _, ...rest }) => rest), 'it has no SSH form'],
    [
      'another role',
      (rig: HostRig) => {
        rig.bend = (answer) => ({ ...answer, role: 'App' });
      },
      'the broker answered a Node with something else than a Node',
    ],
    [
      'a bot',
      (rig: HostRig) => {
        rig.bend = (answer) => ({ ...answer, bot: 'example' });
      },
      'the broker answered a Node with something else than a Node',
    ],
  ])('%s', async (_, prepare, said) => {
    const rig = await createHostRig();
    prepare(rig);
    expect(await rig.once()).toBe(1);
    expect(rig.output.join('')).toContain(said);
    expect(existsSync(join(rig.data, '..data'))).toBe(false);
  });

  test('the certificate of another host key', async () => {
    const rig = await createHostRig();
    await rig.once();
    const ssh = (await read(rig, 'ssh_host_key-cert.pub')).trimEnd();
    rig.bend = (answer) => ({
      ...answer,
      certificates: answer.certificates.map((one) => ({ ...one, ssh })),
    });
    expect(await rig.once()).toBe(1);
    expect(rig.output.join('')).toContain('its SSH form is for another key');
  });
});

test('a denied join says where the reason is', async () => {
  const rig = await createHostRig();
  expect(await rig.once('db_service')).toBe(1);
  expect(rig.output.join('')).toMatch(
    /the broker refused the join \(request id (\S+)\); an operator sees the reason with: joinctl joins show \1\n/,
  );
});

describe('after each join and renewal, sshd', () => {
  const UNIT = '{"version":1,"reload":{"unit":"ssh.service"}}\n';
  const RELOAD = 'systemctl --no-ask-password try-reload-or-restart ssh.service';

  test('is left alone unless install sshd was run', async () => {
    const rig = await createHostRig();
    await rig.once();
    expect(rig.commands).toEqual([]);
  });

  test('is reloaded', async () => {
    const commands: string[] = [];
    const rig = await createHostRig({
      run: async (program, args) => {
        commands.push([program, ...args].join(' '));
        return { code: 0, stdout: '', stderr: '' };
      },
      signal: () => undefined,
    });
    await rig.once();
    await writeFile(join(rig.data, 'sshd.json'), UNIT);
    // Revocation lists are asked for every five minutes, and sshd reads them by itself.
    expect(await rig.renewing(9)).toBe(0);
    expect(commands).toEqual([RELOAD, RELOAD, RELOAD]);
    expect(rig.output.join('')).toContain('told ssh.service to reload');
  });

  test('may fail to reload: it is said, and the agent goes on', async () => {
    const rig = await createHostRig({
      run: async () => ({ code: 1, stdout: '', stderr: 'Job failed.\n' }),
      signal: () => undefined,
    });
    await rig.once();
    await writeFile(join(rig.data, 'sshd.json'), UNIT);
    expect(await rig.renewing(2)).toBe(0);
    expect(rig.output.join('')).toContain(
      `ssh.service could not be reloaded: Job failed.; the new files are in ${rig.data}: reload sshd by hand`,
    );
  });

  test.each([
    ['nonsense', 'expected JSON text'],
    ['{"version":1,"reload":{"unit":"other.service"}}', 'reload'],
    ['{"version":1,"reload":{"command":"rm"}}', 'reload'],
  ])('is not reloaded by what nobody of us wrote: %s', async (text, said) => {
    const rig = await createHostRig();
    await rig.once();
    await writeFile(join(rig.data, 'sshd.json'), text);
    expect(await rig.once()).toBe(0);
    expect(rig.commands).toEqual([]);
    expect(rig.output.join('')).toContain("sshd.json can't be read");
    expect(rig.output.join('')).toContain(said);
  });
});
