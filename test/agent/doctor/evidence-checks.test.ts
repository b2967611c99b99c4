/** What the doctor says of how a machine proves itself; doctor.test.ts has it whole. */
import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { evidenceCheck } from '../../../agent/doctor/evidence-checks.ts';
import { findingsOf } from '../../../agent/doctor/finding.ts';
import { writeFileSet } from '../../../agent/file-set.ts';
import { type Instance, stateFiles } from '../../../agent/instance-state.ts';
import type { AgentSettings } from '../../../agent/settings.ts';
import { createAwsRig } from '../aws/rig.ts';
import { START } from '../clock.ts';
import { temporaryFolder } from '../folder.ts';
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

test('a metadata service that knows nothing is asked for each of the three things', async () => {
  const { effects } = createAwsRig();
  const asked: string[] = [];
  const imds = async ({ url }: { readonly url: string }) => {
    asked.push(new URL(url).pathname.replace('/metadata/', ''));
    return { status: 400, header: () => undefined, body: Buffer.from('') };
  };
  const whole = { ...effects, imds, web: imds, programs: noPrograms() };
  const found = await findingsOf(
    evidenceCheck({ ...SETTINGS, joinMethod: 'azure' }, whole, {}).look,
  );
  expect(found.map(({ verdict }) => verdict)).toEqual(['warning', 'problem', 'problem']);
  expect(found[0]?.said).toBe(
    "the metadata service doesn't say which VM this is: the broker has to find out",
  );
  expect([...new Set(asked)]).toEqual([
    'instance/compute',
    'attested/document',
    'identity/oauth2/token',
  ]);
});

test.each([
  [0, 'problem', 'could renew itself until 2026-11-20T19:05:00Z: it needs a new secret'],
  [1000, 'ok', 'renews itself with its key, until 2026-11-20T19:05:01Z'],
])('an instance whose certificate ends in %i ms', async (ms, verdict, said) => {
  const { effects } = createAwsRig();
  const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const root = `sha256:${'a'.repeat(64)}`;
  const instance: Instance = {
    broker: SETTINGS.broker,
    joinMethod: 'token',
    token: SETTINGS.token,
    role: 'Bot',
    bot: 'example',
    id: '11111111-1111-4111-8111-111111111111',
    generation: 1,
    key,
    expires: new Date(START.getTime() + ms),
    trust: {
      root,
      version: 1,
      cluster: 'test.example.com',
      refreshAfter: '2026-11-20T20:00:00Z',
      pins: [root],
      configured: [],
    },
  };
  const path = await temporaryFolder();
  const pem = key.export({ format: 'pem', type: 'pkcs8' }).toString();
  await writeFileSet(path, new Map([['key', pem], ...stateFiles(instance)]), START);
  const storage = { type: 'directory', path } as const;
  const whole = { ...effects, web: effects.imds, programs: noPrograms() };
  const check = evidenceCheck({ ...SETTINGS, joinMethod: 'token', storage }, whole, {});
  expect(await findingsOf(check.look)).toEqual([
    { verdict, said: `instance ${instance.id} ${said}` },
  ]);
});
