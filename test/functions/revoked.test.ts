import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import { createAwsCloud } from '../../local/aws/cloud.ts';
import { parseCertificate } from '../../shared/encoding/certificate.ts';
import { parseCrl } from '../../shared/encoding/crl.ts';
import { decodePem } from '../../shared/encoding/pem.ts';
import type { TrustBundle } from '../../shared/protocol/trust.ts';
import { packSerials } from '../../shared/storage/packed-serials.ts';
import { joinFromAws } from '../broker/aws-joiner.ts';
import { botExample, createScene, joinToken } from '../broker/fixtures.ts';
import { HOST, hostScene } from '../broker/host-scene.ts';
import { chainOf, join, joined } from '../broker/joiner.ts';
import { createMemoryCustody } from '../broker/memory-custody.ts';
import { signIn } from '../broker/operators.ts';
import { readLists, serialOf, sshSerialOf, tend } from '../broker/revoked.ts';
import { createClock, createTestBroker, type TestBroker } from '../broker/test-broker.ts';
import { joinWith, makeSecret, renew } from '../broker/token-joiner.ts';
import { watchTables } from '../broker/watched-tables.ts';
import { hasProgram } from '../programs.ts';
import { textOf } from '../shared/run-program.ts';
import { recorded } from '../shared/telemetry/recorded.ts';

const lock = (target: object, more: object = {}): object => ({
  kind: 'lock',
  version: 'v2',
  metadata: { name: 'incident-1' },
  spec: { target, ...more },
});

const packed = (...serials: string[]): string =>
  packSerials(serials.map((serial) => ({ serial, expires: 4_000_000_000 })));

const unlock = (api: TestBroker) =>
  signIn(api, 'JoinBroker.Admin').request('DELETE', '/v1/resources/lock/incident-1');

/** A scene with a second machine that nothing is wrong with. */
async function scene(options = {}) {
  const { api, vm, subscription } = await createScene(options);
  const other = subscription.virtualMachine('vm-b', {
    resourceGroup: 'group1',
    systemAssigned: true,
  });
  return { api, vm, other, subscription };
}

describe('a lock puts on the lists what is out of', () => {
  test.each([
    ['a machine', ({ vmId }: { vmId: string }) => ({ machine: vmId })],
    [
      'an identity',
      (vm: { identities: { systemAssigned?: { principalId: string } | undefined } }) => ({
        identity: vm.identities.systemAssigned?.principalId,
      }),
    ],
  ])('%s, and of nobody else', async (_, targetOf) => {
    const { api, vm, other } = await scene();
    const [attempt, healthy] = [await join(api, vm), await join(api, other)];
    expect(await readLists(api)).toMatchObject({ serials: [] });
    await api.put(lock(targetOf(vm)));
    api.clock.advance(5);
    const { serials, krl } = await readLists(api);
    expect(serials).toEqual([serialOf(attempt)]);
    expect(serials).not.toContain(serialOf(healthy));
    const [ofUsers, ...more] = krl.authorities;
    expect(ofUsers).toMatchObject({ serials: [sshSerialOf(attempt)], keyIds: [] });
    expect(more).toEqual([]);
  });

  test('an instance, and not of its sisters', async () => {
    const { api, vm } = await scene();
    const [first, second] = [await join(api, vm), await join(api, vm)];
    await api.put(lock({ instance: joined(second).instance_id }));
    api.clock.advance(5);
    expect((await readLists(api)).serials).toEqual([serialOf(second)]);
    expect(serialOf(first)).not.toBe(serialOf(second));
  });

  test.each([
    ['a bot', { bot: 'example' }],
    ['a join token', { join_token: 'example-bot' }],
  ])('%s: every machine of it', async (_, target) => {
    const { api, vm, other } = await scene();
    const attempts = [await join(api, vm), await join(api, other)];
    await api.put(botExample());
    await api.put({ ...botExample(), metadata: { name: 'another' } });
    const allow = [{ subscription: vm.subscription.id }];
    await api.put(joinToken({ name: 'another', allow, spec: { bot_name: 'another' } }));
    const stranger = await join(api, vm, { token: 'another' });
    await api.put(lock(target));
    api.clock.advance(5);
    const { serials } = await readLists(api);
    expect(serials.toSorted()).toEqual(attempts.map(serialOf).toSorted());
    expect(serials).not.toContain(serialOf(stranger));
  });

  test('every generation of a machine whose certificates live', async () => {
    const { api, vm } = await scene();
    const first = await join(api, vm);
    api.clock.advance(1200);
    const second = await join(api, vm, { renews: first });
    await api.put(lock({ machine: vm.vmId }));
    api.clock.advance(5);
    expect((await readLists(api)).serials.toSorted()).toEqual(
      [first, second].map(serialOf).toSorted(),
    );
  });

  test('an AWS identity', async () => {
    const clock = createClock();
    const aws = createAwsCloud({ now: clock.now });
    const api = createTestBroker({ aws, clock });
    await api.put(botExample());
    const allow = [{ aws_account: '111111111111' }];
    const spec = { join_method: 'iam', azure: undefined, allow };
    await api.put(joinToken({ name: 'iam-token', allow, spec }));
    const role = aws.account('111111111111').role('bots');
    const [one, two] = ['i-1', 'i-2'].map((session) => role.session(session));
    if (!one || !two) throw new Error('no credentials');
    const [attempt] = [await joinFromAws(api, one), await joinFromAws(api, two)];
    await api.put(lock({ aws_arn: 'arn:aws:sts::111111111111:assumed-role/bots/i-1' }));
    api.clock.advance(5);
    expect((await readLists(api)).serials).toEqual([serialOf(attempt)]);
  });

  test('nobody, where its time is over', async () => {
    const { api, vm } = await scene();
    await join(api, vm);
    await api.put(lock({ machine: vm.vmId }, { expires: '2026-11-20T11:00:00Z' }));
    api.clock.advance(5);
    expect((await readLists(api)).serials).toEqual([]);
  });
});

describe('what is on the lists', () => {
  test('is measured: the bytes that agents get, with more certificates more', async () => {
    const telemetry = recorded();
    const { api, vm } = await scene({ telemetry: telemetry.around });
    const sizes = async () => {
      await tend(api);
      const { bytes } = await api.request('GET', '/v1/trust/revoked');
      return [telemetry.values('revocation_list_bytes').at(-1), bytes.length];
    };
    const [empty = 0, sent] = await sizes();
    expect(empty).toBe(sent);
    await join(api, vm);
    await api.put(lock({ machine: vm.vmId }));
    api.clock.advance(60);
    const [more, sentThen] = await sizes();
    expect(more).toBe(sentThen);
    expect(more).toBeGreaterThan(empty);
  });

  test('stays after the lock is taken away, until its certificate has been over for a list', async () => {
    const { api, vm } = await scene();
    const attempt = await join(api, vm);
    await api.put(lock({ machine: vm.vmId }));
    await unlock(api);
    for (const _ of [1, 2, 3]) {
      api.clock.advance(60);
      await tend(api);
    }
    expect((await readLists(api)).serials).toEqual([serialOf(attempt)]);
    api.clock.advance(3600);
    expect((await readLists(api)).serials).toEqual([serialOf(attempt)]);
    api.clock.advance(7200);
    expect((await readLists(api)).serials).toEqual([]);
    await api.broker.sweep();
    expect((await api.tables.revoked.list({})).map(({ partition }) => partition)).toEqual([
      'head',
      'roots',
    ]);
  });

  test('is not what a machine gets that was unlocked', async () => {
    const { api, vm } = await scene();
    const first = await join(api, vm);
    await api.put(lock({ machine: vm.vmId }));
    await unlock(api);
    api.clock.advance(60);
    await tend(api);
    const second = await join(api, vm, { renews: first });
    api.clock.advance(60);
    await tend(api);
    const { serials, krl } = await readLists(api);
    expect(serials).toEqual([serialOf(first)]);
    expect(krl.authorities[0]?.serials).not.toContain(sshSerialOf(second));
  });

  test('has what came between two locks of the same name, however quickly', async () => {
    const { api, vm } = await scene();
    const first = await join(api, vm);
    await api.put(lock({ machine: vm.vmId }));
    await unlock(api);
    const second = await join(api, vm, { renews: first });
    expect(second).toBeAdmitted();
    await api.put(lock({ machine: vm.vmId }));
    api.clock.advance(60);
    await tend(api);
    expect((await readLists(api)).serials).toContain(serialOf(second));
  });

  test('has what another function instance issued by resources that were five seconds old', async () => {
    const { api, vm } = await scene();
    const late = api.another();
    await join(late, vm);
    await api.put(lock({ machine: vm.vmId }));
    const attempt = await join(late, vm);
    expect(attempt).toBeAdmitted();
    await tend(api);
    api.clock.advance(60);
    await tend(api);
    expect((await readLists(api)).serials).toContain(serialOf(attempt));
  });

  test('comes from the timer where whoever locked stopped half-way', async () => {
    const storage = watchTables();
    const { api, vm } = await scene({ tables: storage.tables });
    const attempt = await join(api, vm);
    storage.fail('instances', 'down');
    await api.put(lock({ machine: vm.vmId }));
    storage.heal();
    expect((await readLists(api)).serials).toEqual([]);
    api.clock.advance(60);
    await tend(api);
    api.clock.advance(5);
    expect((await readLists(api)).serials).toEqual([serialOf(attempt)]);
  });

  test('is a removed instance by key id, too: it never comes back', async () => {
    const { api, vm } = await scene();
    const attempt = await join(api, vm);
    const { instance_id: id } = joined(attempt);
    const admin = signIn(api, 'JoinBroker.Admin');
    expect((await admin.request('DELETE', `/v1/instances/bot:example/${id}`)).status).toBe(204);
    api.clock.advance(5);
    const { serials, krl } = await readLists(api);
    expect(serials).toEqual([serialOf(attempt)]);
    expect(krl.authorities).toMatchObject([
      { serials: [sshSerialOf(attempt)], keyIds: [`bot/example/${id}`] },
    ]);
  });

  test('is all that a machine had which was made anew, as a bot, too', async () => {
    const { api, subscription, machine } = await hostScene();
    await api.put(joinToken({ allow: [{ subscription: subscription.id }] }));
    const vm = machine('web');
    const gone = [await join(api, vm, HOST), await join(api, vm), await join(api, vm, HOST)];
    const anew = await join(api, vm.recreate(), HOST);
    expect(anew).toBeAdmitted();
    for (const _ of [1, 2, 3]) {
      api.clock.advance(60);
      await tend(api);
    }
    const { serials, krl } = await readLists(api);
    expect(serials.toSorted()).toEqual(gone.map(serialOf).toSorted());
    expect(krl.authorities.map(({ serials }) => serials.length)).toEqual([1, 2]);
    expect((await api.tables.revoked.list({ partition: 'machines' })).length).toBe(0);
  });

  test('is an identity that is in two places, at once', async () => {
    const { api } = await scene();
    const secret = await makeSecret(api);
    const first = await joinWith(api, secret);
    api.clock.advance(1200);
    const thief = await renew(api, { secret, attempt: first });
    api.clock.advance(400);
    expect(await renew(api, { secret, attempt: first })).toBeDenied(api, 'copied_identity');
    api.clock.advance(5);
    expect((await readLists(api)).serials.toSorted()).toEqual(
      [first, thief].map(serialOf).toSorted(),
    );
  });

  test('is told in the audit log, with the lock, and counted', async () => {
    const { api, vm } = await scene();
    const attempt = await join(api, vm);
    await api.put(lock({ machine: vm.vmId }));
    expect(api.audit.filter(({ event }) => event === 'revocation')).toMatchObject([
      {
        owner: 'bot:example',
        instance_id: joined(attempt).instance_id,
        reason: 'lock',
        by: 'incident-1',
        serials: [serialOf(attempt)],
      },
    ]);
  });
});

describe('a damaged row', () => {
  test.each<[string, Record<string, string | number>, number]>([
    ['serial number of OpenSSH that is 0', { serials: packed('0'.repeat(16) + 'ab'.repeat(8)) }, 1],
    ['short serial number', { serials: '[{"serial":"00","expires":4000000000}]' }, 1],
    ['serial number twice', { serials: packed('ab'.repeat(16), 'ab'.repeat(16)) }, 1],
    ['null for a serial number', { serials: '[null]' }, 1],
    ['text for an end', { serials: `[{"serial":"${'ab'.repeat(16)}","expires":"x"}]` }, 1],
    ['half of a list', { serials: '[' }, 1],
    ['NUL in its owner', { owner: 'bot:a\0' }, 1],
    ['time that is none', { since: Number.NaN }, 1],
    ['time beyond all', { since: 1e15 }, 1],
  ])('with a %s is not on the lists, and the log says so: all others are', async (_, values, n) => {
    const { api, vm } = await scene();
    const attempt = await join(api, vm);
    await api.put(lock({ machine: vm.vmId }));
    const good = { owner: 'bot:a', reason: 'removed', by: '', since: 1, goneAfter: 4e9 };
    const row = {
      partition: 'bot:a:0',
      key: '0',
      values: { ...good, serials: packed('cd'.repeat(16)), ...values },
    };
    await api.tables.revoked.apply([{ kind: 'put', row }]);
    api.clock.advance(3600);
    await tend(api);
    const { serials, krl } = await readLists(api);
    expect(serials).toContain(serialOf(attempt));
    expect(serials.length).toBeLessThanOrEqual(2);
    expect(krl.authorities[0]?.serials).toContain(sshSerialOf(attempt));
    expect(api.audit.at(-1)).toMatchObject({
      event: 'failure',
      detail: expect.stringContaining(`has ${n} serial numbers or rows that are malformed`),
    });
  });
});

describe('the lists', () => {
  test('are of every authority from the first act on: each issuing key, the root, and one for SSH', async () => {
    const { api } = await scene();
    const { crls, krl } = await readLists(api);
    expect(crls).toHaveLength(2);
    expect(krl).toMatchObject({ authorities: [], keys: [], comment: 'test.example.org' });
    for (const crl of crls) {
      const name = Buffer.from(crl.authorityKeyIdentifier).toString('hex');
      const one = await api.request('GET', `/v1/trust/${name}.crl`);
      expect(one.headers.get('content-type')).toBe('application/pkix-crl');
      expect(one.status).toBe(200);
    }
    expect(await api.request('GET', `/v1/trust/${'0'.repeat(40)}.crl`)).toBeProblem('not_found');
  });

  test('have numbers that grow with every change and every hour, the same on every function instance', async () => {
    const { api, vm } = await scene();
    const another = api.another();
    const numberOf = async (of: TestBroker) => (await readLists(of)).crls[0]?.number ?? 0;
    await join(api, vm);
    const before = await numberOf(api);
    expect(await numberOf(another)).toBe(before);
    await api.put(lock({ machine: vm.vmId }));
    api.clock.advance(5);
    const after = await numberOf(api);
    expect(after).toBeGreaterThan(before);
    const both = await Promise.all(
      [api, another].map((one) => one.request('GET', '/v1/trust/revoked')),
    );
    expect(both[0]?.headers.get('etag')).toBe(both[1]?.headers.get('etag'));
    expect(await numberOf(another)).toBe(after);
    api.clock.advance(3600);
    expect(await numberOf(api)).toBeGreaterThan(after);
    expect(await numberOf(another)).toBe(await numberOf(api));
  });

  test('are never of the future, however many changes a second has', async () => {
    const { api, vm } = await scene();
    const admin = signIn(api, 'JoinBroker.Admin');
    const ids: string[] = [];
    for (let i = 0; i < 70; i += 1) {
      api.clock.advance(2);
      ids.push(joined(await join(api, vm)).instance_id);
    }
    for (const id of ids) await admin.request('DELETE', `/v1/instances/bot:example/${id}`);
    api.clock.advance(5);
    const { crls, serials } = await readLists(api);
    expect(serials).toHaveLength(70);
    expect(crls[0]?.thisUpdate.getTime()).toBeLessThanOrEqual(api.clock.now().getTime());
  });

  test('are the last ones while storage is down, until they are over; then there are none', async () => {
    const storage = watchTables();
    const { api, vm } = await scene({ tables: storage.tables });
    const attempt = await join(api, vm);
    await api.put(lock({ machine: vm.vmId }));
    api.clock.advance(5);
    const { crls } = await readLists(api);
    storage.fail('revoked', 'down');
    api.clock.advance(23 * 3600);
    const held = await readLists(api);
    expect(held.serials).toEqual([serialOf(attempt)]);
    expect(held.crls[0]?.number).toBe(crls[0]?.number);
    expect(await api.another().request('GET', '/v1/trust/tls.crl')).toBeProblem('unavailable');
    api.clock.advance(3600);
    expect(await api.request('GET', '/v1/trust/tls.crl')).toBeProblem('unavailable');
    storage.heal();
    api.clock.advance(5);
    expect((await readLists(api)).crls[0]?.number).toBeGreaterThan(crls[0]?.number ?? 0);
  });

  test('are not sent again to whoever has them', async () => {
    const { api } = await scene();
    for (const form of ['tls.crl', 'ssh.krl', 'revoked']) {
      const first = await api.request('GET', `/v1/trust/${form}`);
      const again = await api.request('GET', `/v1/trust/${form}`, {
        headers: { 'if-none-match': first.headers.get('etag') },
      });
      expect(again.status).toBe(304);
    }
  });

  test('cost two reads a minute while nothing happens', async () => {
    const storage = watchTables();
    const { api, vm } = await scene({ tables: storage.tables });
    await join(api, vm);
    await tend(api);
    api.clock.advance(60);
    const before = storage.count('revoked') + storage.count('instances');
    await tend(api);
    expect(storage.count('revoked') + storage.count('instances') - before).toBe(2);
  });

  test('do not come from instances that are read again and again, once a lock has been looked at', async () => {
    const storage = watchTables();
    const { api, vm } = await scene({ tables: storage.tables });
    await join(api, vm);
    await api.put(lock({ machine: vm.vmId }));
    api.clock.advance(61);
    await tend(api);
    const before = storage.count('instances');
    for (const _ of [1, 2, 3]) {
      api.clock.advance(60);
      await tend(api);
    }
    expect(storage.count('instances')).toBe(before);
  });
});

test.each(['ssh-user', 'ssh-host'])(
  'the keys of %s that leaked are on the list for OpenSSH, which has a new number then, on every function instance',
  async (name) => {
    const { api, vm } = await scene();
    await join(api, vm);
    const other = api.another();
    const before = await readLists(other);
    const { ssh } = (await api.request('GET', '/v1/trust')).body as TrustBundle;
    const [line] = name === 'ssh-user' ? ssh.user_ca : ssh.host_ca;
    api.clock.advance(60);
    const admin = signIn(api, 'JoinBroker.AuthorityAdmin');
    const body = { numbers: [1], leaked: true };
    expect((await admin.request('POST', `/v1/authorities/${name}/rotate`, { body })).status).toBe(
      200,
    );
    api.clock.advance(5);
    for (const one of [api, other]) {
      const { krl, crls } = await readLists(one);
      expect(krl.keys.map((key) => Buffer.from(key).toString('base64'))).toEqual([
        line?.split(' ')[1],
      ]);
      expect(krl.version).toBeGreaterThan(before.krl.version);
      expect(crls[0]?.number).toBe(krl.version);
    }
  },
);

describe.skipIf(!hasProgram('openssl'))('where the lists are is said by', () => {
  const POINT = /CRL Distribution Points: Full Name: URI:(\S+)/;
  const shown = (der: Uint8Array): string =>
    textOf('openssl', ['x509', '-inform', 'DER', '-noout', '-text'], {
      stdin: Buffer.from(der),
    }).replace(/\s+/g, ' ');

  test('certificates of bots and hosts, and the issuing one, once a setting knows: each names the list of who signed it', async () => {
    const address = 'http://crl.example.org/v1/trust';
    const { api, vm, machine } = await hostScene(undefined, {
      settings: { JOIN_BROKER_CRL_ADDRESS: address },
    });
    const [leaf, issuing] = chainOf(await join(api, vm));
    const [host] = chainOf(await join(api, machine('web'), HOST));
    const { tls } = (await api.request('GET', '/v1/trust')).body as TrustBundle;
    const [root] = decodePem('CERTIFICATE', tls.roots) ?? [];
    if (!leaf || !issuing || !host || !root) throw new Error('no chains');
    for (const [certificate, issuer] of [
      [leaf, issuing],
      [host, issuing],
      [issuing, root],
    ] as const) {
      const url = POINT.exec(shown(certificate))?.[1] ?? '';
      expect(url.startsWith(`${address}/`)).toBe(true);
      const path = url.slice('http://crl.example.org'.length);
      const list = parseCrl((await api.request('GET', path)).bytes);
      expect(Buffer.from(list.issuer)).toEqual(Buffer.from(parseCertificate(issuer).subject));
    }
    expect(shown(root)).not.toMatch(POINT);
  });

  test('nothing without the setting', async () => {
    const { api, vm } = await scene();
    for (const der of chainOf(await join(api, vm)))
      expect(shown(der)).not.toContain('CRL Distribution');
  });
});

test('without an authority there are no lists, and the answer says why', async () => {
  const api = createTestBroker({ init: 'none' });
  expect(await api.request('GET', '/v1/trust/ssh.krl')).toBeProblem('unavailable');
});

describe("the root's own list", () => {
  const rootsOf = (api: TestBroker) => api.tables.revoked.list({ partition: 'roots' });

  /** A broker, and how often its custody has signed with the root. */
  async function countedScene() {
    const custody = createMemoryCustody();
    let signatures = 0;
    const api = createTestBroker({
      custody: {
        ...custody,
        signWithRoot: (...call) => {
          signatures += 1;
          return custody.signWithRoot(...call);
        },
      },
    });
    await api.ready();
    const first = signatures;
    return { api, signatures: () => signatures - first };
  }

  test('is signed once a week, whoever asks for it', async () => {
    const { api, signatures } = await countedScene();
    const { crls } = await readLists(api);
    for (let day = 0; day < 6; day += 1) {
      api.clock.advance(86_400);
      for (const one of [api, api.another()]) {
        await tend(one);
        await readLists(one);
      }
    }
    expect(signatures()).toBe(0);
    api.clock.advance(86_400);
    await tend(api);
    expect(signatures()).toBe(1);
    const later = (await readLists(api)).crls.at(-1);
    expect(later?.number).toBeGreaterThan(crls.at(-1)?.number ?? 0);
  });

  test.each([
    ['somebody wrote bytes into its row', Buffer.from('nonsense')],
    ['of another root was put there', 'other'],
  ])('that %s counts for nothing, and is signed anew', async (_, planted) => {
    const { api, signatures } = await countedScene();
    const other = createTestBroker();
    await other.ready();
    const [row] = await rootsOf(api);
    const [foreign] = await rootsOf(other);
    if (!row || !foreign) throw new Error('there is no list of the root');
    const der = planted === 'other' ? foreign.values['der'] : planted.toString('base64');
    const cold = api.another();
    await api.tables.revoked.apply([{ kind: 'put', row: { ...row, values: { der: der ?? '' } } }]);
    expect(await cold.request('GET', '/v1/trust/tls.crl')).toBeProblem('unavailable');
    expect((await cold.request('GET', '/v1/trust/ssh.krl')).status).toBe(200);
    expect((await cold.request('GET', '/v1/trust/revoked')).body).toMatchObject({
      tls: { crls: '' },
    });
    await tend(cold);
    expect(signatures()).toBe(1);
    cold.clock.advance(5);
    expect((await readLists(cold)).crls).toHaveLength(2);
  });

  test('that can not be signed keeps nobody from the other lists, and is told', async () => {
    const custody = createMemoryCustody();
    let isDown = false;
    const api = createTestBroker({
      custody: {
        ...custody,
        signWithRoot: async (...call) => {
          if (isDown) throw new Error('the vault said no');
          return custody.signWithRoot(...call);
        },
      },
    });
    await api.ready();
    api.clock.advance(8 * 86_400);
    await api.broker.rotateKeys({ requestId: 'timer' });
    isDown = true;
    await tend(api);
    expect(api.audit.at(-1)).toMatchObject({
      event: 'failure',
      detail: expect.stringContaining('the vault said no'),
    });
    expect((await readLists(api)).crls).toHaveLength(3);
    isDown = false;
    api.clock.advance(7 * 86_400);
    await api.broker.rotateKeys({ requestId: 'timer' });
    expect((await api.request('GET', '/v1/trust/ssh.krl')).status).toBe(200);
    expect(await api.request('GET', '/v1/trust/tls.crl')).toBeProblem('unavailable');
  });
});
