/** Conformance: which logins an SSH certificate is good for (row C4). */
import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import { botExample, createScene } from '../broker/fixtures.ts';
import { join, joined } from '../broker/joiner.ts';
import { signIn } from '../broker/operators.ts';
import { createTestBroker } from '../broker/test-broker.ts';
import { readSshCertificate } from './ssh-certificate.ts';

const role = (name: string, logins: readonly unknown[]): object => ({
  kind: 'role',
  version: 'v7',
  metadata: { name },
  spec: { allow: { logins } },
});

const BAD_LOGINS = [
  'root,admin',
  'root admin',
  ' root',
  'root ',
  '',
  '*',
  'ro*t',
  'r?ot',
  'root\n',
  'root\0',
  'root;id',
  'root/x',
  'rööt',
  '{{external.logins}}',
  '{{internal.logins}},root',
  '{{ internal.logins }}',
  'x'.repeat(256),
];

describe('C4 refuses to create a role with the login', () => {
  test.each(BAD_LOGINS)('%j', async (login) => {
    const api = createTestBroker();
    const admin = signIn(api, 'JoinBroker.Admin');
    const answer = await admin.request('PUT', '/v1/resources/role/odd', {
      body: role('odd', ['root', login]),
      headers: { 'if-none-match': '*' },
    });
    expect(answer).toBeProblem('bad_request', 'spec.allow.logins[1]');
    expect(await admin.request('GET', '/v1/resources/role/odd')).toBeProblem('not_found');
  });
});

async function principalsOf(bot: object, ...roles: readonly object[]) {
  const { api, vm } = await createScene();
  for (const resource of [...roles, bot]) await api.put(resource);
  const [certificate] = joined(await join(api, vm)).certificates;
  return {
    principals: certificate?.ssh && readSshCertificate(certificate.ssh).principals,
    why: certificate?.ssh_absent,
  };
}

test('a bot of 3,200 logins leaves a row in the join log, of as many as fit', async () => {
  const { api, vm } = await createScene();
  const roles = Array.from({ length: 32 }, (_, i) => `role${i}`);
  for (const name of roles) {
    const logins = Array.from({ length: 100 }, (_, i) => `${name}-${i}`.padEnd(12, 'x'));
    await api.put(role(name, logins));
  }
  await api.put(botExample({ roles }));
  const { request_id: id } = joined(await join(api, vm));
  await api.broker.flush();
  const record = await api.broker.joins.find(id);
  expect(record).toMatchObject({ outcome: 'admitted', roles });
  expect(record?.logins?.at(-1)).toBe('…');
  expect(api.audit.at(-1)).toMatchObject({ logins: record?.logins });
});

test('C4 principals are the logins of the roles, those of the bot in the place of their name, each once', async () => {
  const bot = botExample({ roles: ['access', 'ops'] });
  const { principals } = await principalsOf(bot, role('ops', ['ops', 'svc@example.org', 'root']));
  expect(principals).toEqual(['root', 'deploy', 'ops', 'svc@example.org']);
});

describe('C4 refuses to create a bot with the login in its trait', () => {
  test.each([...BAD_LOGINS, '{{internal.logins}}'])('%j', async (login) => {
    const api = createTestBroker();
    const admin = signIn(api, 'JoinBroker.Admin');
    const answer = await admin.request('PUT', '/v1/resources/bot/example', {
      body: botExample({ traits: [{ name: 'logins', values: ['root', login] }] }),
      headers: { 'if-none-match': '*' },
    });
    expect(answer).toBeProblem('bad_request', 'spec.traits[0].values[1]');
  });
});

describe('C4 there is no SSH certificate, and the answer says why,', () => {
  test.each([
    ['where the bot has no such trait', { traits: [] }],
    ['where the role has no logins', { roles: ['auditor'] }],
  ])('%s', async (_, spec) => {
    const { principals, why } = await principalsOf(botExample(spec));
    expect(principals).toBeUndefined();
    expect(why).toMatch(/^no login comes from role (access|auditor): /);
  });

  test('where no role is asked for', async () => {
    const { api, vm } = await createScene();
    const [certificate] = joined(await join(api, vm, { wish: { roles: [] } })).certificates;
    expect(certificate).toMatchObject({
      roles: [],
      ssh_absent: 'the certificate has no roles, so it has no logins',
    });
    expect(certificate?.ssh).toBeUndefined();
  });
});

test('C4 denies a role that the bot does not have', async () => {
  const { api, vm } = await createScene();
  const attempt = await join(api, vm, { wish: { roles: ['access', 'editor'] } });
  expect(attempt).toBeDenied(api, 'role_not_allowed');
});

test('C4 denies a role of the bot that does not exist, or has expired', async () => {
  const { api, vm } = await createScene();
  await api.put(botExample({ roles: ['access', 'ops'] }));
  expect(await join(api, vm)).toBeDenied(api, 'role_not_allowed');
  // What is missing, and who has it.
  expect(api.audit.at(-1)).toMatchObject({
    detail: 'bot example has role ops, which does not exist',
    bot: 'example',
    denied_role: 'ops',
    denied_role_is: 'missing',
  });
  const metadata = { name: 'ops', expires: '2026-11-20T12:30:00Z' };
  await api.put({ ...role('ops', ['ops']), metadata });
  expect(await join(api, vm)).toBeAdmitted();
  api.clock.advance(1800);
  expect(await join(api, vm)).toBeDenied(api, 'role_not_allowed');
});

describe('C6 an SSH certificate permits', () => {
  const withOptions = (name: string, options?: object): object => ({
    kind: 'role',
    version: 'v7',
    metadata: { name },
    spec: { allow: { logins: [name] }, ...(options && { options }) },
  });

  async function permittedTo(...options: (object | undefined)[]) {
    const { api, vm } = await createScene();
    const names = options.map((_, i) => `role${i}`);
    for (const [i, name] of names.entries()) await api.put(withOptions(name, options[i]));
    await api.put(botExample({ roles: names }));
    const attempt = await join(api, vm);
    return { api, attempt };
  }

  async function certificateWith(...roles: (object | undefined)[]) {
    const { attempt } = await permittedTo(...roles);
    return readSshCertificate(joined(attempt).certificates[0]?.ssh ?? '');
  }

  test('nothing but commands, from anywhere, where no role says more', async () => {
    expect(await certificateWith(undefined, { max_session_ttl: '1h' })).toMatchObject({
      options: [],
      extensions: [],
    });
  });

  test('what one role says, from addresses that all allow', async () => {
    const roles = [
      { permit_pty: true, source_address: ['203.0.113.0/24'] },
      { port_forwarding: true, source_address: ['203.0.113.7', '192.0.2.1'] },
    ];
    expect(await certificateWith(...roles)).toMatchObject({
      options: ['source-address', '203.0.113.7'],
      extensions: ['permit-port-forwarding', 'permit-pty'],
    });
  });

  test('nobody anything where the roles have no address in common', async () => {
    const roles = [{ source_address: ['203.0.113.7'] }, { source_address: ['192.0.2.1'] }];
    const { api, attempt } = await permittedTo(...roles);
    expect(attempt).toBeDenied(api, 'role_not_allowed');
  });
});
