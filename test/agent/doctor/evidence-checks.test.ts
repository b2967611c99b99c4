/** What the doctor says of machines that prove themselves to AWS. */
import { expect, test } from 'vitest';
import { evidenceCheck } from '../../../agent/doctor/evidence-checks.ts';
import { findingsOf } from '../../../agent/doctor/finding.ts';
import type { AgentSettings } from '../../../agent/settings.ts';
import { createAwsRig } from '../aws/rig.ts';
import { noPrograms } from '../machine-programs.ts';

const SETTINGS: AgentSettings = {
  broker: 'https://broker.example.com',
  joinMethod: 'iam',
  token: 'example-bot',
  caPins: [],
  azure: { audience: 'https://management.azure.com/' },
  storage: { type: 'memory' },
  outputs: [],
  oneshot: false,
  certificateTtlSeconds: 3600,
  renewalIntervalSeconds: 1200,
  revocationSeconds: 300,
};

async function look(env: Readonly<Record<string, string>>) {
  const { effects } = createAwsRig();
  const whole = { ...effects, web: effects.imds, programs: noPrograms() };
  return findingsOf(evidenceCheck(SETTINGS, whole, env).look);
}

test('credentials that are good, and none of them is shown', async () => {
  const found = await look({});
  expect(found).toEqual([
    {
      verdict: 'ok',
      said: expect.stringMatching(
        /^there are AWS credentials \(region eu-west-1\) that are good until 2026-\S+Z$/,
      ),
    },
  ]);
});

test('credentials of a kind that the agent does not use', async () => {
  const env = { AWS_WEB_IDENTITY_TOKEN_FILE: '/var/run/secrets/token' };
  expect(await look(env)).toEqual([
    { verdict: 'problem', said: expect.stringContaining('does not exchange web identities') },
  ]);
});

test('credentials of the environment, which may say neither region nor end', async () => {
  expect(await look({ AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' })).toEqual([
    { verdict: 'ok', said: 'there are AWS credentials (region unknown) that are good' },
  ]);
});

test('a machine with neither a secret nor an instance has nothing to join with', async () => {
  const { effects } = createAwsRig();
  const whole = { ...effects, web: effects.imds, programs: noPrograms() };
  const said = (storage: AgentSettings['storage'], secret?: string) => {
    const settings: AgentSettings = { ...SETTINGS, joinMethod: 'token', storage };
    const all = secret === undefined ? settings : { ...settings, secret };
    return findingsOf(evidenceCheck(all, whole, {}).look);
  };
  const directory = { type: 'directory', path: '/nowhere/at/all' } as const;
  for (const storage of [directory, { type: 'memory' } as const]) {
    expect(await said(storage)).toEqual([
      {
        verdict: 'problem',
        said: 'there is neither an instance in the storage directory nor a secret to join with',
      },
    ]);
    expect(await said(storage, 's')).toMatchObject([{ verdict: 'ok' }]);
  }
});
