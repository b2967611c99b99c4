/** Names of hosts are claimed before an instance is written: whom a join tells of it, and whom it denies. */
import { describe, expect, test } from 'vitest';
import { claimNames } from '../../../shared/joining/claim-names.ts';
import { createHostNames, type NameHolder } from '../../../shared/storage/host-names.ts';
import { createMemoryTable } from '../../../shared/storage/memory-tables.ts';

const NOON = new Date('2026-11-20T12:00:00Z');
const holder: NameHolder = {
  machine: 'azure:tenant:id',
  incarnation: 'vm-1',
  owner: 'host:Node',
  instance: 'i1',
};

function createScene() {
  const names = createHostNames(createMemoryTable());
  const ousted: string[] = [];
  const told: object[] = [];
  const revocations = {
    expectMachine: async (vmId: string, at: Date) => {
      expect(at).toBe(NOON);
      // The row still says whose the name is.
      ousted.push(`${vmId} of ${(await names.read('web'))?.incarnation}`);
    },
  };
  const claim = (wanted: readonly string[], changes: Partial<NameHolder> = {}) =>
    claimNames(wanted, { ...holder, ...changes }, { names, revocations }, NOON, (facts) =>
      told.push(facts),
    );
  return { names, ousted, told, claim };
}

describe('a host gets', () => {
  test('names that are free, and learns which were', async () => {
    const { claim, told, ousted } = createScene();
    expect(await claim(['web'])).toEqual(['web']);
    expect(await claim(['web', 'mail'])).toEqual(['mail']);
    expect(told).toEqual([{ names: ['web'] }, { names: ['web', 'mail'] }]);
    expect(ousted).toEqual([]);
  });

  test('those of the machine that was there before it, which is told of first', async () => {
    const { claim, told, ousted } = createScene();
    await claim(['web']);
    expect(await claim(['web'], { incarnation: 'vm-2', instance: 'i2' })).toEqual([]);
    expect(ousted).toEqual(['vm-1 of vm-1']);
    expect(told.slice(1)).toEqual([{ names: ['web'] }, { took_over: 'i1' }]);
  });

  test('none where it has none, and nothing is told', async () => {
    const { claim, told } = createScene();
    expect(await claim([])).toEqual([]);
    expect(told).toEqual([]);
  });
});

describe('a name is denied', () => {
  test.each<[string, Partial<NameHolder>, string]>([
    [
      'to another machine',
      { machine: 'azure:tenant:other' },
      'web belongs to another machine (azure:tenant:id, host:Node): free it with joinctl nodes rm web if that one is gone',
    ],
    [
      'to one that was replaced under its own resource id',
      { incarnation: 'vm-1' },
      "web belongs to the machine that was made anew under this one's resource id: the evidence is that of one that is gone",
    ],
  ])('%s', async (_, changes, message) => {
    const { claim } = createScene();
    await claim(['web']);
    await claim(['web'], { incarnation: 'vm-2' });
    await expect(claim(['web'], { incarnation: 'vm-3', ...changes })).rejects.toThrow(
      expect.objectContaining({
        code: 'access_denied',
        reason: 'host_name_taken',
        message,
        about: { denied_name: 'web' },
      }),
    );
  });
});
