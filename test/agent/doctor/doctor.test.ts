/** `joinbot doctor`: says what a join would fail of, and never joins. */
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { VERSION } from '../../../shared/protocol/version.ts';
import { createRig, guideConfig, type Rig } from '../rig.ts';
import { createSecretRig } from '../secret-rig.ts';

const out = ({ folder }: Rig): string => join(folder, 'out');

const config = (rig: Rig, more = ''): string =>
  guideConfig(
    `outputs: [{type: identity, destination: {type: directory, path: ${out(rig)}}}]\n${more}`,
  );

async function doctor(rig: Rig, text = config(rig), ...flags: string[]) {
  const file = join(rig.folder, 'tbot.yaml');
  await writeFile(file, text);
  const code = await rig.run('doctor', '-c', file, ...flags);
  return { code, said: rig.output.splice(0).join('') };
}

const pinned = (rig: Rig): string =>
  config(rig).replace('onboarding:', `onboarding:\n  ca_pins: ['${rig.broker.pin}']`);

test('a machine that is well: each thing that a join needs is said to work, and nothing is joined or left behind', async () => {
  const rig = await createRig();
  const { code, said } = await doctor(rig, pinned(rig));
  expect(said.split('\n')).toEqual([
    `ok       broker     https://broker.example.com is the broker of test.example.com, version ${VERSION}`,
    `ok       trust      its trust bundle is signed under the pinned root ${rig.broker.pin}`,
    "ok       clock      this machine's clock and the broker's agree",
    'ok       audience   tokens for https://management.azure.com/ are accepted',
    `ok       azure      this is ${rig.vm.resourceId}`,
    'ok       azure      Azure signs documents for this machine, and the way to its root is known',
    'ok       azure      the managed identity gets access tokens for https://management.azure.com/',
    `ok       files      ${out(rig)} can be written; there is no certificate in it yet`,
    'Nothing that joinbot can see from here is in the way of a join.',
    '',
  ]);
  expect(code).toBe(0);
  expect(rig.broker.joins).toEqual([]);
  expect(await readdir(rig.folder)).toEqual(['tbot.yaml']);
  expect(rig.clock.sleeps).toEqual([]);
});

describe('says what is in the way, and goes on looking:', () => {
  const WELL = /^ok {7}files /m;

  async function problems(rig: Rig, text?: string) {
    const { code, said } = await doctor(rig, text);
    expect(said).toMatch(WELL);
    expect(code).toBe(1);
    expect(said).toContain('A join would fail, or its certificates would not arrive');
    return said.split('\n').filter((line) => line.startsWith('PROBLEM'));
  }

  test('another root than the pinned one', async () => {
    const rig = await createRig();
    const pin = `sha256:${'0'.repeat(64)}`;
    const other = config(rig).replace('onboarding:', `onboarding:\n  ca_pins: ['${pin}']`);
    expect(await problems(rig, other)).toEqual([
      expect.stringContaining('which is not among the configured CA pins'),
    ]);
  });

  test('a broker that has no bundle to give', async () => {
    const rig = await createRig();
    rig.broker.next['/v1/trust'] = ['lost'];
    expect(await problems(rig)).toEqual([
      "PROBLEM  trust      the broker at https://broker.example.com can't be reached: fetch failed",
    ]);
  });

  test('an audience that the broker does not accept', async () => {
    const rig = await createRig();
    rig.broker.audiences = ['api://join-broker'];
    expect(await problems(rig)).toEqual([
      'PROBLEM  audience   the broker accepts tokens for api://join-broker, not for https://management.azure.com/: write one of them to onboarding.azure.audience',
    ]);
  });

  test('a machine without a managed identity, whose documents are good', async () => {
    const rig = await createRig({ vm: { systemAssigned: false } });
    expect(await problems(rig)).toEqual([
      expect.stringMatching(/^PROBLEM {2}azure {6}this VM has no system-assigned identity/),
    ]);
    expect(rig.clock.sleeps).toEqual([]);
  });

  test('a clock that is off by more than evidence may be old', async () => {
    const rig = await createRig();
    const trust = async () => {
      const answer = await rig.broker.fetch(new Request('https://broker.example.com/v1/trust'));
      const date = new Date(rig.clock.now().getTime() + 301_000).toUTCString();
      return new Response(await answer.text(), { headers: { date } });
    };
    rig.broker.next['/v1/trust'] = [trust];
    expect(await problems(rig)).toEqual([
      "PROBLEM  clock      this machine's clock is 301 s behind the broker's: set the clock",
    ]);
  });

  test('a certificate that is over, since nobody renews it', async () => {
    const rig = await createRig();
    const two = `${config(rig)}storage: {type: directory, path: ${join(rig.folder, 'own')}}\n`;
    expect(await rig.start(two, '--oneshot')).toBe(0);
    await rig.clock.sleep(2 * 3600_000, new AbortController().signal);
    const { code, said } = await doctor(rig, two);
    expect(code).toBe(1);
    expect(said).toContain(
      `PROBLEM  files      ${out(rig)} can be written, but its certificate was good until 2026-11-20T20:05:00Z: does joinbot run?`,
    );
  });

  test('a destination that is no directory, and a reader that does not exist', async () => {
    const rig = await createRig({
      programs: { run: async () => ({ code: 2, stdout: '', stderr: '' }), signal: () => undefined },
    });
    await writeFile(out(rig), '');
    const text = guideConfig(
      `outputs: [{type: identity, destination: {type: directory, path: ${out(rig)}, readers: [{user: nobody2}]}}]\n`,
    );
    const { code, said } = await doctor(rig, text);
    expect(code).toBe(1);
    expect(said).toContain('PROBLEM  readers    readers: there is no user nobody2');
    expect(said).toMatch(/^PROBLEM {2}files {6}the directory .*out can't be used: /m);
  });
});

test('warns of what works and is not safe', async () => {
  const rig = await createRig();
  rig.broker.audiences = undefined;
  await mkdir(out(rig));
  await chmod(out(rig), 0o777);
  const { code, said } = await doctor(rig);
  expect(code).toBe(0);
  expect(said.split('\n').filter((line) => line.startsWith('WARNING'))).toEqual([
    `WARNING  trust      no ca_pins are set, so this root is believed as the connection delivers it: ${rig.broker.pin}`,
    'WARNING  audience   the broker does not say which audiences it accepts',
    `WARNING  files      everybody on this machine may replace what is written to ${out(rig)}: chmod o-w`,
  ]);
});

test('of a machine with a secret it says whether it has joined, and uses nothing up', async () => {
  const rig = await createSecretRig();
  const said = async () => {
    const code = await rig.run('doctor');
    return { code, said: rig.output.splice(0).join('') };
  };
  const before = await said();
  expect(before.said).toContain(
    'ok       token      there is a secret for the first join; only the join shows whether it is still good',
  );
  expect(before.said).not.toContain(rig.secret);
  expect(await rig.once()).toBe(0);
  rig.output.length = 0;
  const after = await said();
  expect(after.code).toBe(0);
  expect(after.said).toMatch(
    /^ok {7}token {6}instance [0-9a-f-]{36} renews itself with its key, until /m,
  );
  expect(await rig.generation()).toBe(1);
  rig.api.clock.advance(2 * 86_400);
  const late = await said();
  expect(late.code).toBe(1);
  expect(late.said).toMatch(/^PROBLEM {2}token {6}instance .* it needs a new secret$/m);
});
