/** `joinbot` on a machine of AWS, beside the real broker and a simulated STS in this process. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runJoinbot } from '../../../agent/joinbot.ts';
import { createAwsCloud } from '../../../local/aws/cloud.ts';
import { botExample } from '../../broker/fixtures.ts';
import { createClock as brokerClock, createTestBroker } from '../../broker/test-broker.ts';
import { createClock } from '../clock.ts';
import { temporaryFolder } from '../folder.ts';
import { noPrograms } from '../machine-programs.ts';
import { sendWith } from '../send-with.ts';

const RULE = {
  aws_account: '111111111111',
  aws_arn: 'arn:aws:sts::111111111111:assumed-role/teleport-bot-role/i-*',
};

/** A machine whose clock is off by so many seconds. */
async function awsRig({ role = 'teleport-bot-role', offSeconds = 0 } = {}) {
  const time = brokerClock();
  const aws = createAwsCloud({ now: time.now });
  const api = createTestBroker({ aws, clock: time });
  await api.put(botExample());
  await api.put({
    kind: 'token',
    version: 'v2',
    metadata: { name: 'iam-token', expires: '3000-01-01T00:00:00Z' },
    spec: { roles: ['Bot'], join_method: 'iam', bot_name: 'example', allow: [RULE] },
  });
  const instance = aws.account('111111111111').instance('ec2', { role, region: 'eu-west-1' });
  const folder = await temporaryFolder();
  const output: string[] = [];
  const clock = createClock(new Date(time.now().getTime() + offSeconds * 1000));
  const stop = new AbortController();
  const start = (...flags: readonly string[]) =>
    runJoinbot(
      [
        'start',
        `--data-dir=${join(folder, 'bot')}`,
        `--destination-dir=${join(folder, 'out')}`,
        '--token=iam-token',
        '--join-method=iam',
        '--proxy-server=broker.example.com:443',
        '--oneshot',
        ...flags,
      ],
      {
        env: {},
        clock,
        random: () => 0,
        web: sendWith(async (request) => {
          const body = request.method === 'POST' ? await request.text() : undefined;
          const answer = await api.request(request.method, new URL(request.url).pathname, { body });
          const headers = new Headers(answer.headers);
          headers.set('date', time.now().toUTCString());
          const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
          return new Response(text, { status: answer.status, headers });
        }),
        imds: sendWith((request) => instance.fetch(request)),
        stop: stop.signal,
        nextWake: () => stop.signal,
        programs: noPrograms(),
        stdout: (text) => output.push(text),
        stderr: (text) => output.push(text),
      },
    );
  return { api, start, output, instance };
}

test('joins with the credentials of its role, as guide 003 has it', async () => {
  const { api, start, output } = await awsRig();
  expect(await start()).toBe(0);
  expect(output.join('')).toContain('joined as bot example');
  expect(api.audit.at(-1)).toMatchObject({
    event: 'join',
    outcome: 'admitted',
    join_method: 'iam',
  });
});

test('renews the instance that it finds in its directory', async () => {
  const { start, output } = await awsRig();
  await start();
  expect(await start()).toBe(0);
  expect(output.join('')).toMatch(/renewed as bot example \(instance [0-9a-f-]+, generation 2/);
});

test('signs by the clock of the broker where its own is ahead', async () => {
  const { start, output } = await awsRig({ offSeconds: 100 });
  expect(await start(), output.join('')).toBe(0);
});

test('of a role that no rule admits is denied, and says where an operator finds the reason', async () => {
  const { api, start, output } = await awsRig({ role: 'other-role' });
  expect(await start()).toBe(1);
  expect(output.at(-1)).toMatch(
    /an operator sees the reason with: joinctl joins show [0-9a-f-]{36}/,
  );
  expect(api.audit.at(-1)).toMatchObject({ reason: 'rule_mismatch' });
});
