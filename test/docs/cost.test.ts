/** docs/cost.md calculates what it says, from what the code does. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it, test } from 'vitest';
import { endpoints } from '../../functions/endpoints.ts';
import { probe, revoke, rotateKeys, sweep, type TimerFunction } from '../../functions/timers.ts';
import { openKeyVaultCustody } from '../../shared/authority/key-vault-custody.ts';
import { createScene, type Scene } from '../broker/fixtures.ts';
import { heartbeatBody } from '../broker/heartbeat.ts';
import { join, newKey } from '../broker/joiner.ts';
import { type WatchedTables, watchTables } from '../broker/watched-tables.ts';
import { createFakeKeyVault, type FakeKeyVault } from '../shared/authority/fake-key-vault.ts';
import { calculate, evaluate } from './calculation.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(`${ROOT}/${path}`, 'utf8');

const { results, values } = calculate(read('docs/cost.md'));
const said = (name: string): number => values.get(name) ?? Number.NaN;

test.each(results)('$name is $shown', ({ shown, value }) => {
  expect(shown).toBe(value);
});

test('formulas follow the rules of arithmetic, and name only what is known', () => {
  const known = new Map([['a', 6]]);
  expect(evaluate('1 + a * 2 / 3 - max(0, 1 - a)', known)).toBe(5);
  expect(evaluate('(1 + a) * 0.5', known)).toBe(3.5);
  for (const wrong of ['b', '1 +', '(1', '1 2', 'max(1)']) {
    expect(() => evaluate(wrong, known)).toThrow(wrong);
  }
});

describe('what a join asks of storage and vault', () => {
  let tables: WatchedTables;
  let vault: FakeKeyVault;
  let scene: Scene;

  /** How many calls of tables an action makes. */
  async function tableOperations(action: () => Promise<unknown>): Promise<number> {
    const all = (): number =>
      (['resources', 'instances', 'machines', 'keys', 'joins', 'revoked'] as const).reduce(
        (sum, name) => sum + tables.count(name),
        0,
      );
    const before = all();
    await action();
    await scene.api.broker.flush();
    return all() - before;
  }

  beforeEach(async () => {
    tables = watchTables();
    vault = createFakeKeyVault();
    vault.createEncryptionKey();
    const custody = openKeyVaultCustody({
      url: vault.url,
      fetch: vault.fetch,
      credential: {
        getToken: async () => ({ token: 'token', expiresOnTimestamp: Date.now() + 3_600_000 }),
      },
    });
    scene = await createScene({ tables: tables.tables, custody });
    await join(scene.api, scene.vm);
    await scene.api.broker.flush();
  });

  let made = 0;
  function newMachine() {
    made += 1;
    return scene.subscription.virtualMachine(`new-${made}`, {
      resourceGroup: 'group1',
      systemAssigned: true,
    });
  }

  it('a first join, on an instance that is warm', async () => {
    const { api, vm } = scene;
    const expected = said('table_operations_join');
    expect(await tableOperations(() => join(api, newMachine()))).toBe(expected);
    // It made one already, in the beginning.
    expect(await tableOperations(() => join(api, vm))).toBe(expected + 1);
  });

  it('a renewal', async () => {
    const { api, vm } = scene;
    const key = newKey();
    const first = await join(api, vm, { key });
    await api.broker.flush();
    const renew = () => join(api, vm, { renews: first, key });
    expect(await tableOperations(renew)).toBe(said('table_operations_renewal'));
  });

  it('a heartbeat', async () => {
    const { api, vm } = scene;
    const attempt = await join(api, vm);
    await api.broker.flush();
    const tell = async (): Promise<void> => {
      const body = heartbeatBody(attempt);
      expect((await api.request('POST', '/v1/heartbeat', { body })).status).toBe(204);
    };
    expect(await tableOperations(tell)).toBe(said('table_operations_heartbeat'));
  });

  it('a look whether resources or keys have changed', async () => {
    const {
      api,
      api: { clock },
    } = scene;
    clock.advance(said('seconds_between_polls') + 1);
    expect(await tableOperations(() => join(api, newMachine()))).toBe(
      said('table_operations_join') + 1,
    );
    clock.advance(said('seconds_between_key_reads') + 1);
    expect(await tableOperations(() => join(api, newMachine()))).toBe(
      said('table_operations_join') + 2,
    );
  });

  it('the first join of a new instance', async () => {
    const calls = vault.calls.length;
    const operations = await tableOperations(async () => {
      const another = scene.api.another();
      await join(another, newMachine());
      await another.broker.flush();
    });
    expect(operations).toBe(
      said('table_operations_join') +
        said('table_operations_new_day') +
        said('table_operations_cold_start'),
    );
    expect(vault.calls.length - calls).toBe(said('key_operations_cold_start'));
  });

  it('the timers, where nothing is due', async () => {
    const { broker } = scene.api.another();
    // Keys and resources are read by now.
    await broker.anchorJoinLog({ requestId: 'r' });
    const timers = async (): Promise<void> => {
      await broker.rotateKeys({ requestId: 'r' });
      await broker.anchorJoinLog({ requestId: 'r' });
      await broker.sweep();
    };
    expect(await tableOperations(timers)).toBe(said('table_operations_timers'));
  });

  it('the timer of the revocation lists, where nothing is locked', async () => {
    const tend = () => scene.api.broker.lists.tend({ requestId: 'r' });
    await tend();
    scene.api.clock.advance(60);
    expect(await tableOperations(tend)).toBe(said('table_operations_revoke'));
  });

  it('an audit event and an answer are about as long as it says', async () => {
    const { body } = await join(scene.api, newMachine());
    const answer = JSON.stringify(body).length;
    const event = JSON.stringify(scene.api.audit.at(-1)).length;
    for (const [bytes, name] of [
      [answer, 'answer_bytes'],
      [event, 'audit_bytes'],
    ] as const) {
      expect(bytes).toBeGreaterThan(said(name) * 0.7);
      expect(bytes).toBeLessThan(said(name) * 1.3);
    }
  });
});

describe('what the infrastructure decides', () => {
  it('memory of an instance', () => {
    const [, megabytes] = /param instanceMemoryMB int = (\d+)/.exec(read('infra/main.bicep')) ?? [];
    expect(Number(megabytes) / 1024).toBe(said('instance_gb'));
  });

  it('alerts', () => {
    const alerts = read('infra/alerts.bicep').match(/^ {4}section: /gm) ?? [];
    expect(alerts.length).toBe(said('alerts'));
  });

  it('timers', () => {
    const runsAnHour = ({ schedule }: TimerFunction): number =>
      schedule.split(' ')[1] === '*' ? 60 : (schedule.split(' ')[1]?.split(',').length ?? 0);
    const hours = said('month_seconds') / 3600;
    expect(hours * runsAnHour(probe)).toBe(said('probe_runs'));
    expect(hours * runsAnHour(revoke)).toBe(said('revoke_runs'));
    expect(hours * (runsAnHour(rotateKeys) + runsAnHour(sweep))).toBe(said('timer_runs'));
  });

  it('the places from which Azure asks', () => {
    const [, places = ''] = /AzureCloud: \[(.+)\]/.exec(read('infra/alerts.bicep')) ?? [];
    expect(places.split(',').length).toBe(said('availability_places'));
  });

  it('the address that the availability test asks is one of ours', () => {
    expect(endpoints.map(({ route }) => route)).toContain('readyz');
    const [, seconds] = /Frequency: (\d+)/.exec(read('infra/alerts.bicep')) ?? [];
    expect(said('month_seconds') / Number(seconds)).toBeCloseTo(said('availability_rounds'), 0);
  });
});
