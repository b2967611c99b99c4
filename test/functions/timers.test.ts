/** Timers: one work that fails keeps none of the others from being done, and the log says which it was. */
import type { InvocationContext, Timer } from '@azure/functions';
import { expect, test } from 'vitest';
import { sweep, timerHandlerOf } from '../../functions/timers.ts';
import type { Broker } from '../../shared/broker.ts';
import { createScene } from '../broker/fixtures.ts';
import { join } from '../broker/joiner.ts';
import { watchTables } from '../broker/watched-tables.ts';

async function run(broker: Broker) {
  const lines: string[] = [];
  const say = (line: string): void => void lines.push(line);
  const context = { log: say, warn: say, error: say } as unknown as InvocationContext;
  await timerHandlerOf(sweep, async () => broker)({} as Timer, context);
  return lines.map((line) => JSON.parse(line));
}

test.each(['anchorJoinLog', 'watchAzureTrust', 'sweep'] as const)(
  'where %s fails, the hour has its other works, and the failure',
  async (failing) => {
    const { api } = await createScene();
    const done: string[] = [];
    const work = (name: string, result?: number) => async () => {
      if (name === failing) throw new Error(`no ${name}`);
      done.push(name);
      return result;
    };
    const broker = {
      ...api.broker,
      anchorJoinLog: work('anchorJoinLog'),
      watchAzureTrust: work('watchAzureTrust'),
      sweep: work('sweep', 7),
    } as Broker;
    const lines = await run(broker);
    expect(done).toEqual(
      ['anchorJoinLog', 'watchAzureTrust', 'sweep'].filter((name) => name !== failing),
    );
    const failure = { event: 'failure', function: 'sweep', detail: `Error: no ${failing}` };
    expect(lines.at(-1)).toEqual(failure);
    expect(lines.filter(({ event }) => event === 'sweep')).toEqual(
      failing === 'sweep' ? [] : [{ event: 'sweep', removed: 7 }],
    );
  },
);

test('every table is swept while one of them is down', async () => {
  const watched = watchTables();
  const { api, vm } = await createScene({ tables: watched.tables });
  await join(api, vm);
  await api.broker.flush();
  watched.fail('instances', 'down');
  const others = ['machines', 'joins', 'audit', 'revoked'] as const;
  const before = others.map(watched.count);
  expect((await run(api.broker)).at(-1)).toMatchObject({ event: 'failure', function: 'sweep' });
  for (const [i, other] of others.entries())
    expect(watched.count(other)).toBeGreaterThan(before[i] ?? 0);
});
