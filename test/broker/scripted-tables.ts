/**
 * Tables in memory whose every operation can be put off and can fail, as a history has it: operations that wait at the
 * same time go on in an order of its choice, and the nth one of a step meets a fault.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { unavailable } from '../../shared/refusal.ts';
import { createMemoryTables } from '../../shared/storage/memory-tables.ts';
import { eachTable, type Table, type Tables } from '../../shared/storage/table.ts';
import type { TableFault } from './watched-tables.ts';

/** A fault of the operations of one step: which ones it meets, counted from 0. */
export interface ScriptedFault {
  readonly fault: TableFault;
  readonly from: number;
  readonly many: number;
}

export interface ScriptedTables {
  /** What the broker is given. */
  readonly tables: Tables;
  /** What is stored, without faults. */
  readonly stored: Tables;
  /**
   * Runs one step. `order` chooses among the operations that wait, again and again from its start; without it none waits.
   * Gives how many faults were met beside the result.
   */
  run<T>(
    step: () => Promise<T>,
    faults: readonly ScriptedFault[],
    order?: readonly number[],
  ): Promise<{ readonly result: T; readonly met: number }>;
}

/** An operation waits for so many turns of the event loop for others to come before one may go on. */
const TURNS = 3;

export function scriptTables(): ScriptedTables {
  const stored = createMemoryTables();
  let faults: readonly ScriptedFault[] = [];
  let order: readonly number[] | undefined;
  let started = 0;
  let met = 0;
  let choices = 0;
  let isPumping = false;
  const waiting: (() => void)[] = [];

  async function pump(): Promise<void> {
    isPumping = true;
    while (waiting.length > 0) {
      for (let turn = 0; turn < TURNS; turn += 1) await nextTurn();
      const choice = order?.[choices % order.length] ?? 0;
      choices += 1;
      const [next] = waiting.splice(choice % waiting.length, 1);
      next?.();
    }
    isPumping = false;
  }

  async function turn(): Promise<void> {
    if (order === undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    waiting.push(resolve);
    if (!isPumping) void pump();
    await promise;
  }

  function faultOfNext(isWrite: boolean): TableFault | undefined {
    const at = started;
    started += 1;
    const fault = faults.find(({ from, many }) => at >= from && at < from + many)?.fault;
    if (fault === undefined || (!isWrite && fault === 'tried_twice')) return undefined;
    met += 1;
    return fault;
  }

  async function ask<T>(isWrite: boolean, question: () => Promise<T>): Promise<T> {
    await turn();
    const fault = faultOfNext(isWrite);
    if (fault === 'down') throw unavailable('storage can not be asked now');
    const answer = await question();
    if (fault === 'answer_lost') throw unavailable('storage can not be asked now');
    return answer;
  }

  const script = (table: Table): Table => ({
    read: (partition, key) => ask(false, () => table.read(partition, key)),
    list: (query) => ask(false, () => table.list(query)),
    async apply(operations) {
      await turn();
      const fault = faultOfNext(true);
      if (fault === 'down') throw unavailable('storage can not be asked now');
      const done = await table.apply(operations);
      if (fault === 'answer_lost') throw unavailable('storage can not be asked now');
      // The SDK's own second try meets the first: only what nothing guards is done twice.
      return fault === 'tried_twice' ? table.apply(operations) : done;
    },
  });

  return {
    // The join log is written after the answers, whenever that is: no step's operations are counted with it.
    tables: { ...eachTable((name) => script(stored[name])), joins: stored.joins },
    stored,
    async run(step, scripted, chosen) {
      [faults, order, started, met, choices] = [scripted, chosen, 0, 0, 0];
      try {
        return { result: await step(), met };
      } finally {
        [faults, order] = [[], undefined];
      }
    },
  };
}
