/** `joinctl joins ls --by`: how many attempts there were for each reason, bot or machine. */
import type { JoinRecord } from '../../shared/protocol/join-record.ts';
import { type Arguments, flagValue } from '../arguments.ts';
import type { BrokerClient, JoinFilter } from '../broker-client.ts';
import { UsageFailure } from '../failure.ts';
import type { Io } from '../io.ts';
import { printable } from '../printable.ts';
import { type Format, printMany } from '../resource-output.ts';
import { didYouMean } from '../suggestion.ts';
import { type Column, renderTable } from '../table.ts';
import { machineOf } from './join-columns.ts';

/** More than these take too long to be waited for. */
const MOST_COUNTED = 100_000;

const NAMES = {
  /** Of who was admitted there is none. */
  reason: ({ reason, code, outcome }: JoinRecord) => reason ?? code ?? outcome,
  bot: ({ bot, system_role }: JoinRecord) => bot ?? system_role ?? '',
  machine: machineOf,
} as const;

export type Grouping = keyof typeof NAMES;

const GROUPINGS = Object.keys(NAMES) as Grouping[];

/** The value of `--by`. */
export function groupingOf(args: Arguments): Grouping | undefined {
  const asked = flagValue(args, 'by');
  const found = GROUPINGS.find((known) => known === asked);
  if (found || asked === undefined) return found;
  const hint = didYouMean(asked, GROUPINGS);
  throw new UsageFailure(`--by is ${GROUPINGS.join(', ')}, not "${printable(asked)}"${hint}.`);
}

export async function printCounts(
  io: Io,
  format: Format,
  client: Pick<BrokerClient, 'eachJoin'>,
  filter: JoinFilter,
  by: Grouping,
): Promise<void> {
  const counts = new Map<string, number>();
  let counted = 0;
  let last = '';
  await client.eachJoin(filter, (items) => {
    for (const record of items) {
      const name = NAMES[by](record);
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    counted += items.length;
    last = items.at(-1)?.time ?? last;
    return counted < MOST_COUNTED;
  });
  if (counted >= MOST_COUNTED)
    io.stderr.write(
      `joinctl: these are the first ${counted}: go on with --since=${printable(last)}\n`,
    );
  const rows = [...counts]
    .map(([name, count]): Count => ({ [by]: name, count }))
    .toSorted((a, b) => b.count - a.count || (String(a[by]) < String(b[by]) ? -1 : 1));
  printMany(io, format, rows, (all) => renderTable(columnsBy(by), all, io.stdout.columns));
}

type Count = { readonly count: number } & { readonly [K in Grouping]?: string };

const columnsBy = (by: Grouping): readonly Column<Count>[] => [
  { header: 'Count', cell: ({ count }) => String(count).padStart(5) },
  { header: `${by[0]?.toUpperCase()}${by.slice(1)}`, cell: (row) => row[by] ?? '', elastic: true },
];
