/** `joinbot status`: the files alone say what there is. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createHostRig } from './host-rig.ts';
import { createRig, guideConfig, type Rig } from './rig.ts';

const config = ({ folder }: Rig): string =>
  guideConfig(`storage: {type: directory, path: ${join(folder, 'own')}}
outputs: [{type: identity, destination: {type: directory, path: ${join(folder, 'out')}}}]
`);

async function joined(logins = ['ubuntu']): Promise<Rig> {
  const rig = await createRig();
  rig.broker.logins = logins;
  expect(await rig.start(config(rig), '--oneshot')).toBe(0);
  rig.output.length = 0;
  return rig;
}

const statusOf = async (rig: Rig, ...flags: string[]) => ({
  code: await rig.run('status', '-c', join(rig.folder, 'tbot.yaml'), ...flags),
  said: rig.output.splice(0).join(''),
});

test('says who the machine is, and until when each directory is good', async () => {
  const rig = await joined();
  const { code, said } = await statusOf(rig);
  expect(code).toBe(0);
  const [own, out] = said.split('\n\n');
  expect(own?.split('\n')).toEqual([
    `${join(rig.folder, 'own')}: good until 2026-11-20T20:05:00Z (60 min left)`,
    expect.stringMatching(
      /^ {2}instance [0-9a-f-]{36}, generation 1, bot example, of https:\/\/broker\.example\.com$/,
    ),
    expect.stringMatching(
      /^ {2}x509 {2}URI:spiffe:\/\/test\.example\.com\/bot\/example\/1 \(serial [0-9a-f]+\)$/,
    ),
    expect.stringMatching(/^ {2}ssh {3}ubuntu \(key id /),
  ]);
  expect(out).toContain(`${join(rig.folder, 'out')}: good until`);
  expect(out).not.toContain('instance');
});

test('says it as JSON for programs, without an SSH part where there is no login', async () => {
  const { code, said } = await statusOf(await joined([]), '--format=json');
  expect(code).toBe(0);
  expect(JSON.parse(said)).toMatchObject([
    {
      state: 'good',
      seconds_left: 3600,
      certificate: { valid_to: '2026-11-20T20:05:00Z' },
      instance: { generation: 1, owner: 'bot example', join_token: 'example-bot' },
    },
    { state: 'good', seconds_left: 3600 },
  ]);
  expect(said).not.toContain('"ssh"');
});

test.each([
  ['over', 3600_000, 'EXPIRED until 2026-11-20T20:05:00Z\n'],
  ['not valid yet', -3600_000, 'NOT YET VALID (is the clock right?) until 2026-11-20T20:05:00Z\n'],
])('a certificate that is %s is no good one', async (_, shift, end) => {
  const rig = await joined();
  await rig.clock.sleep(shift, new AbortController().signal);
  const { code, said } = await statusOf(rig);
  expect(code).toBe(1);
  expect(said).toContain(`${join(rig.folder, 'own')}: ${end}`);
});

test.each([
  [3600 - 120, ' (2 min left)'],
  [3600 - 119, ' (119 s left)'],
  [3599.5, ' (0 s left)'],
])('after %d s the time that is left is in words', async (seconds, left) => {
  const rig = await joined();
  await rig.clock.sleep(seconds * 1000, new AbortController().signal);
  const { code, said } = await statusOf(rig);
  expect(code).toBe(0);
  expect(said).toContain(`${join(rig.folder, 'own')}: good until 2026-11-20T20:05:00Z${left}\n`);
});

test('it is as bad as its worst directory', async () => {
  const rig = await joined();
  const file = join(rig.folder, 'tbot.yaml');
  await writeFile(
    file,
    `${config(rig)}services: [{type: spiffe, destination: {type: directory, path: ${join(rig.folder, 'empty')}}}]\n`,
  );
  const { code, said } = await statusOf(rig, '--format=json');
  expect(code).toBe(1);
  expect(JSON.parse(said).slice(1)).toMatchObject([
    { state: 'good' },
    { directory: join(rig.folder, 'empty'), state: 'missing', seconds_left: 0 },
  ]);
});

test('a directory without a certificate, and one that is no directory, are told of', async () => {
  const rig = await joined();
  const [empty, file, broken] = ['empty', 'file', 'broken'].map((name) => join(rig.folder, name));
  await mkdir(empty ?? '');
  await writeFile(file ?? '', '');
  await mkdir(join(broken ?? '', '..2026_11_20_19_05_00.aaaaaa'), { recursive: true });
  const said = async (directory: string | undefined) => {
    expect(await rig.run('status', `--destination-dir=${directory}`)).toBe(1);
    return rig.output.splice(0).join('');
  };
  expect(await said(empty)).toBe(`${empty}: NO CERTIFICATE YET\n`);
  expect(await said(broken)).toBe(`${broken}: NO CERTIFICATE YET\n`);
  expect(await said(file)).toMatch(/: UNREADABLE\n {2}the directory .* can't be used/);
});

test('no private key and no file that only root may read is looked at', async () => {
  const rig = await joined();
  await chmod(join(rig.folder, 'out', 'key'), 0o000);
  const { code, said } = await statusOf(rig);
  expect(code).toBe(0);
  expect(said).not.toContain('PRIVATE');
});

test.each([
  [[], 'expected --destination-dir, or a config file (-c) that names one'],
  [['--destination-dir=/x', '--format=xml'], '--format: expected text or json, got xml'],
  [['--destination-dir=/x', '--timeout=3s'], '--timeout is no flag of status'],
])('%j is wrong usage', async (flags, said) => {
  const rig = await createRig();
  expect(await rig.run('status', ...flags)).toBe(2);
  expect(rig.output.join('')).toContain(said);
});

test('says of when the revocation lists are, where there are some', async () => {
  const rig = await createHostRig();
  await rig.once();
  rig.output.length = 0;
  const config = join(rig.folder, 'teleport.yaml');
  expect(await rig.run('status', '-c', config)).toBe(0);
  expect(rig.output.join('')).toContain(
    '  revocation lists of 2026-11-20T11:59:01Z, good until 2026-11-21T12:00:01Z\n',
  );
  expect(rig.output.join('')).toContain('  ssh   vm-a.group1.test.example.org (key id ');
  rig.output.length = 0;
  await rig.run('status', '-c', config, '--format=json');
  expect(JSON.parse(rig.output.join(''))).toMatchObject([
    { revocation: { version: 1795176001, next_update: '2026-11-21T12:00:01Z' } },
  ]);
});
