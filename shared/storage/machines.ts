/**
 * The `machines` table: one row for each machine that joined by a join token, with the instances that it made. Only first
 * joins write it: whether an instance lives is for its own row to say, so a renewal costs nothing here.
 */
import { createHash, randomUUID } from 'node:crypto';
import * as z from 'zod/mini';
import { parseJsonWith } from '../protocol/schema.ts';
import type { Operation, Row, StoredRow, Table } from './table.ts';

/** An instance that a machine made. */
export interface MadeInstance {
  readonly id: string;
  readonly owner: string;
  /** What changes when the machine is made anew under its resource id: its `vmId`. */
  readonly incarnation: string;
  /** When it joined: Unix seconds. */
  readonly at: number;
}

export interface MachineRow {
  /** What stays the same for a machine: its resource id, or its ARN. */
  readonly machine: string;
  /** Newest last. */
  readonly made: readonly MadeInstance[];
}

export interface StoredMachine extends MachineRow {
  readonly etag: string;
}

/** The machines of a join token at one moment, and what shows that none was added since. */
export interface Roll {
  readonly machines: readonly StoredMachine[];
  /** Whether these are all. */
  readonly isWhole: boolean;
  /** The ETag of the row that changes whenever a machine is added. */
  readonly added: string | undefined;
}

export interface Machines {
  read(joinToken: string, machine: string): Promise<StoredMachine | undefined>;
  /** In place of the row with this ETag; without one, where there is none. `false`: somebody was faster. */
  write(joinToken: string, row: MachineRow, etag: string | undefined, at: Date): Promise<boolean>;
  /** At most so many. */
  roll(joinToken: string, most: number): Promise<Roll>;
  /**
   * Writes a machine's row, as `write` does, and takes others off, if nobody was added to the roll since. `false`:
   * somebody was, or a row has changed.
   */
  add(
    joinToken: string,
    row: MachineRow,
    etag: string | undefined,
    roll: Pick<Roll, 'added'>,
    over: readonly StoredMachine[],
    at: Date,
  ): Promise<boolean>;
  /** Takes machines off, each if its row has not changed since. */
  takeOff(joinToken: string, over: readonly StoredMachine[]): Promise<void>;
  /** Removes the rows of machines whose instances are all over. Gives how many. */
  sweep(at: Date, isOver: (made: readonly MadeInstance[]) => Promise<boolean>): Promise<number>;
}

/** How long a row is not looked at by the sweep: longer than a certificate lives. */
const CHECK_SECONDS = 7 * 86_400;
const SWEEP_PAGE = 100;
const MOST_SWEEP_PAGES = 10;
/** What one transaction takes, beside the row that is added and the one that shows it. */
const MOST_TAKEN_OFF = 98;
/** Sorts before the key of every machine. */
const ADDED = '!added';

const madeInstances = z.array(
  z.object({ id: z.string(), owner: z.string(), incarnation: z.string(), at: z.int() }),
);

export function createMachines(table: Table): Machines {
  return {
    async read(joinToken, machine) {
      const row = await table.read(joinToken, keyOf(machine));
      return row && machineOf(row);
    },
    // A refusal may be of our own write, tried again by the SDK: who reads again finds itself (rule 16).
    write: (joinToken, row, etag, at) => table.apply([written(rowOf(joinToken, row, at), etag)]),
    async roll(joinToken, most) {
      const rows = await table.list({ partition: joinToken, most: most + 1 });
      return {
        isWhole: rows.length <= most,
        machines: rows.filter(({ key }) => key !== ADDED).map(machineOf),
        added: rows.find(({ key }) => key === ADDED)?.etag,
      };
    },
    add(joinToken, row, etag, { added }, over, at) {
      const shown = { partition: joinToken, key: ADDED, values: { write: randomUUID() } };
      return table.apply([
        written(rowOf(joinToken, row, at), etag),
        written(shown, added),
        ...over.slice(0, MOST_TAKEN_OFF).map((one) => removal(joinToken, one)),
      ]);
    },
    async takeOff(joinToken, over) {
      for (const one of over) await table.apply([removal(joinToken, one)]);
    },
    async sweep(at, isOver) {
      const below = { column: 'checkAfter', value: Math.floor(at.getTime() / 1000) };
      let removed = 0;
      for (let page = 0; page < MOST_SWEEP_PAGES; page += 1) {
        const rows = await table.list({ below, most: SWEEP_PAGE });
        for (const row of rows) {
          const { partition, key, etag } = row;
          const machine = machineOf(row);
          if (!(await isOver(machine.made))) {
            await table.apply([{ kind: 'replace', row: rowOf(partition, machine, at), etag }]);
          } else if (await table.apply([{ kind: 'remove', partition, key, etag }])) {
            removed += 1;
          }
        }
        if (rows.length < SWEEP_PAGE) break;
      }
      return removed;
    },
  };
}

const written = (row: Row, etag: string | undefined): Operation =>
  etag === undefined ? { kind: 'insert', row } : { kind: 'replace', row, etag };

const removal = (partition: string, { machine, etag }: StoredMachine): Operation => ({
  kind: 'remove',
  partition,
  key: keyOf(machine),
  etag,
});

/** Resource ids and ARNs have characters that no key may have. */
const keyOf = (machine: string): string =>
  createHash('sha256').update(machine).digest('hex').slice(0, 32);

const rowOf = (joinToken: string, { machine, made }: MachineRow, at: Date): Row => ({
  partition: joinToken,
  key: keyOf(machine),
  values: {
    machine,
    made: JSON.stringify(made),
    checkAfter: Math.floor(at.getTime() / 1000) + CHECK_SECONDS,
  },
});

function machineOf({ values, etag }: StoredRow): StoredMachine {
  const parsed = parseJsonWith(madeInstances, String(values['made']));
  return { machine: String(values['machine']), made: parsed.ok ? parsed.value : [], etag };
}
