import { expect, test } from 'vitest';
import { createJoinsApi } from '../../../shared/operators/joins-api.ts';
import type { JoinLog } from '../../../shared/storage/join-log.ts';
import type { JoinListQuery } from '../../../shared/storage/join-log-lists.ts';

const NOON = new Date('2026-11-20T12:00:00Z');

async function askedOf(query: Readonly<Record<string, string>>): Promise<JoinListQuery[]> {
  const asked: JoinListQuery[] = [];
  const log: Pick<JoinLog, 'find' | 'list' | 'verify'> = {
    verify: async () => ({ checked: 0, problems: [], found: 0 }),
    find: async () => undefined,
    list: async (one) => {
      asked.push(one);
      return { items: [] };
    },
  };
  await createJoinsApi(log, () => NOON).list(query);
  return asked;
}

test('the last hour is asked for, unless it is said since when', async () => {
  const hour = { since: new Date('2026-11-20T11:00:00Z'), until: NOON };
  expect(await askedOf({})).toEqual([{ ...hour, after: undefined, refusedOnly: false }]);
  expect(await askedOf({ since: '2026-11-19T00:00:00Z' })).toMatchObject([
    { since: new Date('2026-11-19T00:00:00Z'), until: NOON },
  ]);
});

test.each([
  [{ result: 'denied' }, true],
  [{ result: 'failed' }, true],
  [{ reason: 'locked' }, true],
  [{ result: 'admitted' }, false],
  [{ bot: 'example' }, false],
])('%j reads the rows of refusals alone: %s', async (query, refusedOnly) => {
  expect(await askedOf(query)).toMatchObject([{ refusedOnly }]);
});

test.each([
  [
    { machine: 'vm-a', bot: 'example', result: 'denied' },
    { by: 'machine', value: 'vm-a' },
  ],
  [{ bot: 'example' }, { by: 'bot', value: 'example' }],
  [{ bot: 'example', reason: 'locked' }, undefined],
  [
    { token: 'example-bot', bot: 'example' },
    { by: 'bot', value: 'example' },
  ],
  [{ token: 'example-bot' }, { by: 'token', value: 'example-bot' }],
  [{ token: 'example-bot', result: 'denied' }, undefined],
])('%j is found by %j', async (query, of) => {
  expect((await askedOf(query))[0]?.of).toEqual(of);
});
