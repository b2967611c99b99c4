import { expect, test } from 'vitest';
import { runProgram } from '../../local/programs.ts';
import { probeBroker } from '../../scripts/probe.ts';
import { ROOT, startScenario } from '../scenarios/scenario.ts';

const now = (): Date => new Date();

test('passes on a broker, with the pin that joinctl status prints', async () => {
  const { stack, joinctl } = await startScenario();
  const [pin = ''] = /sha256:[0-9a-f]{64}/.exec((await joinctl('status')).stdout) ?? [];
  const outcome = await runProgram(
    process.execPath,
    ['scripts/probe.ts', stack.endpoints.broker, pin],
    { cwd: ROOT },
  );
  expect(outcome).toMatchObject({ code: 0 });
  expect(outcome?.stdout.split('\n')).toEqual([
    'readiness          passed',
    'trust_bundle       passed',
    'look_alike_chain   passed',
    'other_nonce        passed',
    'other_broker       passed',
    'malformed_body     passed',
    '',
  ]);
});

test('fails on a broker under another root than the one that is known', async () => {
  const { stack } = await startScenario();
  const findings = await probeBroker({
    url: stack.endpoints.broker,
    pin: `sha256:${'0'.repeat(64)}`,
    fetch,
    now,
  });
  expect(findings['trust_bundle']).toMatchObject({ result: 'failed' });
  expect(findings['look_alike_chain']).toBeUndefined();
});

test('fails on a broker that admits everybody', async () => {
  const findings = await probeBroker({
    url: 'https://join.example.org',
    fetch: async () => Response.json({ ca_pins: [], cluster_name: 'x' }),
    now,
  });
  const { readiness, ...others } = findings;
  expect(readiness).toBeUndefined();
  for (const finding of Object.values(others)) expect(finding).toMatchObject({ result: 'failed' });
});

test('says that a broker can not be reached', async () => {
  const findings = await probeBroker({
    url: 'https://join.example.org',
    fetch: async () => {
      throw new TypeError('fetch failed');
    },
    now,
  });
  for (const finding of Object.values(findings)) {
    expect(finding).toMatchObject({ result: 'unreachable' });
  }
});

test.each(['join.example.org', 'https://join.example.org/v1', ''])(
  'refuses the address %j',
  async (url) => {
    const outcome = await runProgram(process.execPath, ['scripts/probe.ts', url], { cwd: ROOT });
    expect(outcome).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^Expected the address/),
    });
  },
);
