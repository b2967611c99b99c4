/** All tables are lost and come back from one file, by the commands that the runbook names. */
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join as joinPath } from 'node:path';
import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import { createRoot } from '../../local/azure/certificates/authority.ts';
import { newAuthorityKey } from '../../local/azure/certificates/certificate-key.ts';
import { type BackupFile, backupFile } from '../../shared/protocol/backup.ts';
import type { Table, TableName } from '../../shared/storage/table.ts';
import { HOST, hostScene, namesOf } from '../broker/host-scene.ts';
import { join, joined } from '../broker/joiner.ts';
import { signIn } from '../broker/operators.ts';
import { createTestBroker, type TestBroker } from '../broker/test-broker.ts';
import { joinWith, makeSecret, renew } from '../broker/token-joiner.ts';
import { operatorShell } from './operator-shell.ts';

const BOTH = ['JoinBroker.Admin', 'JoinBroker.AuthorityAdmin'] as const;

async function clear(table: Table): Promise<void> {
  for (const { partition, key, etag } of await table.list({}))
    await table.apply([{ kind: 'remove', partition, key, etag }]);
}

async function loseTables({ tables }: TestBroker, ...names: readonly TableName[]): Promise<void> {
  for (const name of names) await clear(tables[name]);
}

const ALL = ['resources', 'instances', 'names', 'keys', 'joins'] as const;

const bundleOf = async (api: TestBroker) =>
  (await api.request('GET', '/v1/trust')).body as { ca_pins: string[]; version: number };

/** A broker that has seen much, its backup, and a terminal of who may restore it. */
async function backedUp(answer = 'yes') {
  const scene = await hostScene();
  const { api, vm, machine } = scene;
  const secret = await makeSecret(api);
  const robot = await joinWith(api, secret);
  const bot = await join(api, vm);
  const host = await join(api, machine('web'), HOST);
  await api.put({
    kind: 'lock',
    version: 'v2',
    metadata: { name: 'incident-1' },
    spec: { target: { machine: machine('stolen').vmId }, message: 'stolen' },
  });
  await api.put({
    kind: 'role',
    version: 'v7',
    metadata: { name: 'access' },
    spec: { allow: { logins: ['deploy'] }, options: { max_session_ttl: '20m' } },
  });
  const shell = await operatorShell(api, BOTH, { answer });
  const { certificate } = createRoot('Added', newAuthorityKey(), api.clock.now());
  await writeFile(joinPath(shell.folder, 'root.crt'), certificate);
  await shell.run('azure-roots', 'add', 'root.crt');
  const made = await shell.run('auth', 'backup', '--out=backup.json');
  expect(made).toMatchObject({ code: 0, stderr: '' });
  const file = joinPath(shell.folder, 'backup.json');
  const backup = JSON.parse(await readFile(file, 'utf8')) as BackupFile;
  api.clock.advance(1800);
  return { ...scene, secret, robot, bot, host, shell, made, file, backup };
}

describe('when all tables are lost', () => {
  test('joinctl auth restore brings everything back that relying parties and machines need', async () => {
    const { api, vm, machine, bot, host, robot, secret, shell } = await backedUp();
    const before = await bundleOf(api);
    const names = namesOf(host);
    await loseTables(api, ...ALL);
    const broker = api.another();
    expect(await broker.request('GET', '/v1/trust')).toBeProblem('unavailable');

    const { code, stdout, stderr } = await shell.run('auth', 'restore', 'backup.json');
    expect(stderr).toMatch(/Go on\? Type yes: $/);
    expect(code).toBe(0);
    expect(stderr).toContain('made at 2026-11-20T12:00:00Z');
    expect(stderr).toContain(`CA pin ${before.ca_pins[0]}`);
    expect(stderr).toContain('Left out, since their secrets may have been used: token "robot"');
    expect(stderr).toContain('Machines of azure and iam join afresh by themselves');
    expect(stdout).toContain('row data/000000001 has been restored');
    expect(stdout).toContain('role "access" has been restored');
    expect(stdout).toContain('azure_root "added" has been restored');
    expect(stdout).toContain('1 names of hosts have been restored');

    // Every function instance, also one that knew what was lost.
    for (const instance of [api, broker, api.another()]) {
      const after = await bundleOf(instance);
      expect(after.ca_pins).toEqual(before.ca_pins);
      expect(after.version).toBeGreaterThan(before.version);
      instance.clock.advance(5);
    }
    // Agents: a renewal is not known any more, so they join afresh, and get what they had.
    expect(await join(broker, vm, { renews: bot })).toBeProblem('instance_unknown');
    expect(await join(broker, vm)).toBeAdmitted();
    expect(namesOf(await join(broker, machine('web'), HOST))).toEqual(names);
    // A used secret does not count again, and its machine needs a new one.
    expect(await joinWith(broker, secret)).toBeDenied(broker, 'join_token_not_found');
    expect((await renew(broker, { secret, attempt: robot })).status).not.toBe(200);
    // What was locked is locked, what was changed is changed.
    expect(await join(broker, machine('stolen'))).toBeDenied(broker, 'locked');
    const roles = signIn(api, 'JoinBroker.Reader');
    expect((await roles.request('GET', '/v1/resources/role/access')).body).toMatchObject({
      spec: { allow: { logins: ['deploy'] } },
    });
  });

  test('a name that a machine had is nobody else’s afterwards', async () => {
    const { api, host, shell } = await backedUp();
    const [name = ''] = namesOf(host);
    const reader = signIn(api, 'JoinBroker.Reader');
    const before = (await reader.request('GET', `/v1/names/${name}`)).body;
    await loseTables(api, ...ALL);
    await shell.run('auth', 'restore', 'backup.json');
    expect((await reader.request('GET', `/v1/names/${name}`)).body).toEqual(before);
  });

  test('machines can join only once their names and locks are back', async () => {
    const { api, shell } = await backedUp();
    await loseTables(api, ...ALL);
    const before = api.audit.length;
    await shell.run('auth', 'restore', 'backup.json');
    const kinds = api.audit
      .slice(before)
      .flatMap((line) =>
        line.event === 'resource' && line.action !== 'read' ? [line.resource.split('/')[0]] : [],
      );
    // The first asks only what would be done.
    expect(kinds.filter((kind, position) => kind !== kinds[position - 1])).toEqual([
      'authorities',
      'names',
      'lock',
      'authorities',
      'role',
      'bot',
      'token',
      'azure_root',
    ]);
  });

  test('leaves out an added root that is over by now, and restores everything else', async () => {
    const { api, shell } = await backedUp();
    await loseTables(api, ...ALL);
    // Roots of the simulation end after 5,000 days: only this terminal's clock is that far.
    const late = new Date(api.clock.now().getTime() + 5001 * 24 * 3_600_000);
    const shellOfLater = await operatorShell(api, BOTH, { answer: 'yes', now: late });
    const file = joinPath(shellOfLater.folder, 'backup.json');
    await writeFile(file, await readFile(joinPath(shell.folder, 'backup.json')));
    const { stdout } = await shellOfLater.run('auth', 'restore', 'backup.json');
    expect(stdout).toContain('bot "example" has been restored');
    expect(stdout).not.toContain('azure_root');
  });

  test('warns of a name that another machine has by now, and of no other', async () => {
    const { api, shell, backup } = await backedUp();
    const [held] = backup.names;
    if (!held) throw new TypeError('the host has a name');
    await loseTables(api, 'names');
    const admin = signIn(api, 'JoinBroker.Admin');
    const items = [{ ...held, machine: 'the-vm-next-door' }];
    expect((await admin.request('POST', '/v1/names', { body: { items } })).status).toBe(200);
    const { code, stdout, stderr } = await shell.run('auth', 'restore', 'backup.json');
    expect(code).toBe(0);
    expect(stdout).toContain('0 names of hosts have been restored');
    expect(stderr).toContain(
      `warning: ${held.name} was left to the-vm-next-door, and was of ${held.machine} in the backup`,
    );
  });

  test('nothing is done when the operator does not go on', async () => {
    const { api, shell } = await backedUp('no');
    await loseTables(api, ...ALL);
    const { code, stderr } = await shell.run('auth', 'restore', 'backup.json');
    expect(code).toBe(1);
    expect(stderr).toContain('Nothing was done.');
    expect(await api.tables.keys.list({})).toEqual([]);
    expect(await api.tables.names.list({})).toEqual([]);
  });
});

describe('when only the keys are lost', () => {
  test('newer resources stay as they are, and names, too', async () => {
    const { api, vm, shell, bot } = await backedUp();
    await api.put({
      kind: 'bot',
      version: 'v1',
      metadata: { name: 'example' },
      spec: { roles: [] },
    });
    await loseTables(api, 'keys');
    const { code, stderr, stdout } = await shell.run('auth', 'restore', 'backup.json');
    expect(code).toBe(0);
    expect(stderr).toContain('Left as they are, since they differ and may be newer: bot "example"');
    expect(stdout).toContain('0 names of hosts have been restored');
    expect(stderr).not.toContain('warning:');
    api.clock.advance(5);
    expect(await join(api, vm, { renews: bot })).toBeAdmitted();
    const reader = signIn(api, 'JoinBroker.Reader');
    expect((await reader.request('GET', '/v1/resources/bot/example')).body).toMatchObject({
      spec: { roles: [] },
    });
  });
});

test('what was removed since the backup is named before it comes back', async () => {
  const { api, shell } = await backedUp('no');
  const admin = signIn(api, 'JoinBroker.Admin');
  for (const one of ['bot/example', 'lock/incident-1'])
    expect((await admin.request('DELETE', `/v1/resources/${one}`)).status).toBe(204);
  const { code, stderr } = await shell.run('auth', 'restore', 'backup.json');
  expect(code).toBe(1);
  expect(stderr).toContain(
    `Resources: 2 are restored. Names of hosts: up to 1.\nRestored, also where somebody has removed it on purpose since: bot "example", lock "incident-1"\n`,
  );
});

describe('a backup', () => {
  test('is a file for its owner alone, whose keys are sealed, and overwrites nothing', async () => {
    const { api, shell, file, backup, made } = await backedUp();
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(backupFile.safeParse(backup).success).toBe(true);
    expect(made.stdout).toMatch(/^backup.json has \d+ rows of keys, \d+ resources and 1 names/);
    const again = await shell.run('auth', 'backup', '--out=backup.json');
    expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('exists already') });
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual(backup);
    expect((await readdir(shell.folder)).filter((name) => name.startsWith('backup'))).toEqual([
      'backup.json',
    ]);
    expect(backup.keys.toSorted(byName)).toEqual(
      (await api.tables.keys.list({})).map(({ etag: _, ...row }) => row).toSorted(byName),
    );
    expect(JSON.stringify(backup)).not.toMatch(/PRIVATE KEY/);
  });

  test('that can’t be written leaves nothing behind', async () => {
    const { shell } = await backedUp();
    const before = await readdir(shell.folder);
    // As long as a name can be: there is no room for a draft beside it.
    const name = 'b'.repeat(255);
    expect(await shell.run('auth', 'backup', `--out=${name}`)).toEqual({
      code: 1,
      stdout: '',
      stderr: `joinctl: Can't write ${name}: ENAMETOOLONG.\n`,
    });
    expect(await readdir(shell.folder)).toEqual(before);
  });

  test('goes to standard output without a name, and leaves an audit line', async () => {
    const { api, shell, backup } = await backedUp();
    const { stdout } = await shell.run('auth', 'backup');
    expect(JSON.parse(stdout)).toEqual({ ...backup, made: expect.any(String) });
    expect(api.audit.filter(({ event }) => event === 'resource').at(-1)).toMatchObject({
      action: 'read',
      resource: 'authorities',
      outcome: 'done',
    });
  });

  test('of another cluster is refused before anything is sent', async () => {
    const { shell, api, backup } = await backedUp();
    const { writeFile } = await import('node:fs/promises');
    await writeFile(
      joinPath(shell.folder, 'other.json'),
      JSON.stringify({ ...backup, cluster: 'other.example.org' }),
    );
    const { code, stderr } = await shell.run('auth', 'restore', 'other.json');
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is a backup of other.example.org'),
    });
    await writeFile(joinPath(shell.folder, 'no.json'), JSON.stringify({ ...backup, more: 1 }));
    expect((await shell.run('auth', 'restore', 'no.json')).stderr).toContain('is no backup');
    expect(api.audit.at(-1)).not.toMatchObject({ resource: 'authorities', action: 'create' });
  });
});

const byName = (a: { partition: string; key: string }, b: { partition: string; key: string }) =>
  `${a.partition}/${a.key}` < `${b.partition}/${b.key}` ? -1 : 1;

describe('the API', () => {
  test('keys are for who has the role for authorities, names for who may write', async () => {
    const api = createTestBroker();
    const admin = signIn(api, 'JoinBroker.Admin', 'JoinBroker.Reader');
    const authority = signIn(api, 'JoinBroker.AuthorityAdmin');
    const rows = { body: { rows: [] } };
    const names = { body: { items: [] } };
    expect(await api.request('GET', '/v1/authorities/backup')).toBeProblem('unauthenticated');
    expect(await admin.request('GET', '/v1/authorities/backup')).toBeProblem('forbidden');
    expect(await admin.request('POST', '/v1/authorities/restore', rows)).toBeProblem('forbidden');
    expect(await authority.request('POST', '/v1/names', names)).toBeProblem('forbidden');
    expect(await api.request('GET', '/v1/names')).toBeProblem('unauthenticated');
    expect((await authority.request('GET', '/v1/names')).body).toEqual({ items: [] });
    expect((await admin.request('POST', '/v1/names', names)).body).toEqual({
      restored: 0,
      kept: 0,
    });
    // Rows that are none don't open, and nothing is touched.
    const before = await api.tables.keys.list({});
    expect(await authority.request('POST', '/v1/authorities/restore', rows)).toBeProblem(
      'already_exists',
    );
    expect(await api.tables.keys.list({})).toEqual(before);
  });

  test.each([
    [{}, 'rows'],
    [{ rows: [{ partition: 'tls', key: '1' }] }, 'rows[0].values'],
    [{ rows: [{ partition: 'tls', key: '1', values: { a: 'ä' } }] }, 'rows[0].values.a'],
    [{ rows: [], give_up: 'ssh-user' }, 'give_up'],
    [{ rows: [], force: true }, 'force'],
  ])('refuses %j', async (body, field) => {
    const authority = signIn(createTestBroker(), 'JoinBroker.AuthorityAdmin');
    const answer = await authority.request('POST', '/v1/authorities/restore', { body });
    expect(answer).toBeProblem('bad_request', field);
  });

  test('names come in pages, each once, in their order', async () => {
    const { api, machine } = await hostScene();
    for (const name of ['a1', 'a2', 'b1']) joined(await join(api, machine(name), HOST));
    const list = async (after: string) =>
      (
        (await signIn(api, 'JoinBroker.Reader').request('GET', `/v1/names${after}`)).body as {
          items: { name: string }[];
        }
      ).items.map(({ name }) => name);
    const all = await list('');
    expect(all).toHaveLength(3);
    expect(await list(`?next=${all[0]}`)).toEqual(all.slice(1));
    expect(await list(`?next=${all[1]}`)).toEqual(all.slice(2));
    expect(await list(`?next=${all[2]}`)).toEqual([]);
    const bad = await signIn(api, 'JoinBroker.Reader').request('GET', '/v1/names?next=%20');
    expect(bad).toBeProblem('bad_request', 'next');
  });
});

describe('every night', () => {
  interface Sent {
    readonly url: string;
    readonly headers: Headers;
    readonly body: string;
  }

  function withContainer(status = 201) {
    const sent: Sent[] = [];
    const measured: unknown[] = [];
    const api = createTestBroker({
      settings: { JOIN_BROKER_BACKUP_URL: 'https://backup.example.org/authorities' },
      backups: {
        accessToken: async () => 'storage-token',
        fetch: async (input, init) => {
          sent.push({
            url: String(input),
            headers: new Headers(init?.headers),
            body: String(init?.body),
          });
          return new Response(null, { status });
        },
      },
      telemetry: (log) => ({
        ...log,
        measure: (name, value, dimensions) => {
          if (name === 'backups') measured.push(dimensions);
          log.measure(name, value, dimensions);
        },
      }),
    });
    return { api, sent, measured };
  }

  test('the same file is written into a container, under a name of its own', async () => {
    const { api, sent, measured } = withContainer();
    await api.ready();
    await api.broker.backUp({ requestId: 'timer' });
    expect(sent).toMatchObject([
      {
        url: 'https://backup.example.org/authorities/test.example.org/2026-11-20T12-00-00Z.json',
      },
    ]);
    const [{ headers, body } = { headers: new Headers(), body: '' }] = sent;
    expect(Object.fromEntries(headers)).toMatchObject({
      authorization: 'Bearer storage-token',
      'if-none-match': '*',
      'x-ms-blob-type': 'BlockBlob',
    });
    const file = backupFile.parse(JSON.parse(body));
    expect(file.keys).toHaveLength(10);
    expect(measured).toEqual([{ result: 'made' }]);
  });

  test.each([403, 500, 307])(
    'a container that answers %i is a failure that is told',
    async (status) => {
      const { api, measured } = withContainer(status);
      await api.ready();
      await api.broker.backUp({ requestId: 'timer' });
      expect(measured).toEqual([{ result: 'failed' }]);
      expect(api.audit.at(-1)).toMatchObject({
        event: 'failure',
        detail: `no backup was made: the container of backups answers ${status}`,
      });
      expect(JSON.stringify(api.audit)).not.toContain('storage-token');
    },
  );

  test('none is made while keys are lost', async () => {
    const { api, sent, measured } = withContainer();
    await api.ready();
    await loseTables(api, 'keys');
    await api.broker.backUp({ requestId: 'timer' });
    expect(sent).toEqual([]);
    expect(measured).toEqual([{ result: 'failed' }]);
  });

  test('nothing happens where no container is named', async () => {
    const api = createTestBroker();
    await api.ready();
    await api.broker.backUp({ requestId: 'timer' });
    expect(api.audit).toEqual([]);
  });
});
