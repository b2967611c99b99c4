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
