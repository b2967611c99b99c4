import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { JoinFacts } from '../../../shared/protocol/join-record.ts';
import { makeRequestId } from '../../../shared/request-id.ts';
import {
  indexDayRow,
  indexPartition,
  indexPrefix,
  indexRowsOf,
  nameIn,
  prefixesOf,
} from '../../../shared/storage/join-log-index.ts';

const ID = makeRequestId(new Date('2026-11-20T12:00:00Z'));
const ROW = { partition: 'p', key: ID, values: { json: '{}', seal: '[]' } };
const prefixOf = (kind: string, text: string): string =>
  `${kind}-${createHash('sha256').update(`${kind} ${text}`).digest('hex').slice(0, 24)}-`;

test('machines are found in any case, bots in theirs, and neither is the other', () => {
  expect(indexPrefix('machine', 'VM-a')).toBe(prefixOf('machine', 'vm-a'));
  expect(indexPrefix('bot', 'Robot')).toBe(prefixOf('bot', 'Robot'));
});

describe('an attempt is found', () => {
  test('by everything that names its machine, once each, and by its bot', () => {
    const facts: JoinFacts = {
      outcome: 'admitted',
      vm_id: 'vm-id',
      claimed_vm_id: 'claimed',
      resource_id: '/subscriptions/1/virtualmachines/name',
      instance_id: 'instance',
      aws_arn: 'arn',
      bot: 'robot',
    };
    const machine = ['vm-id', 'claimed', 'name', 'instance', 'arn'];
    const expected = [
      ...machine.map((name) => prefixOf('machine', name)),
      prefixOf('bot', 'robot'),
    ];
    expect(prefixesOf(facts)).toEqual(expected);
    expect(prefixesOf({ ...facts, claimed_vm_id: 'vm-id', instance_id: '' })).toEqual(
      expected.filter((_, i) => i !== 1 && i !== 3),
    );
    expect(prefixesOf({ outcome: 'denied' })).toEqual([]);
  });

  test('in rows of its day: a machine has its name alone, a bot a copy', () => {
    expect(indexRowsOf(ROW, ['machine-1-', 'bot-2-'], 3)).toEqual([
      { partition: 'index-20261120-3', key: `machine-1-${ID}`, values: {} },
      { partition: 'index-20261120-3', key: `bot-2-${ID}`, values: ROW.values },
    ]);
  });
});

test('a machine is named by what stands last in its resource id', () => {
  expect(nameIn('/subscriptions/1/virtualmachines/name')).toBe('name');
  expect(nameIn('name')).toBe('name');
  expect(nameIn(undefined)).toBeUndefined();
});

test('the days of an index are in a partition of their own', () => {
  expect(indexDayRow('20261120')).toEqual({ partition: 'index-days', key: '20261120', values: {} });
  expect(indexPartition('20261120', 0)).toBe('index-20261120-0');
});
