/** Lists that may be longer than anybody reads: of joins, and of changes by operators. */
import { type Arguments, flagValue } from '../arguments.ts';
import type { FlagName } from '../flags.ts';
import type { Io } from '../io.ts';
import { printable } from '../printable.ts';
import { type Format, printMany } from '../resource-output.ts';
import { type Column, renderTable } from '../table.ts';

/** More than these nobody reads. */
export const MOST = 1000;

/** Those of the flags that were given. */
export const filterOf = <Name extends FlagName>(
  args: Arguments,
  flags: Readonly<Record<Name, string>>,
): Partial<Record<Name, string>> =>
  Object.fromEntries(
    (Object.keys(flags) as Name[]).flatMap((flag) => {
      const value = flagValue(args, flag);
      return value === undefined ? [] : [[flag, value]];
    }),
  ) as Partial<Record<Name, string>>;

/** Prints the first of a list, and says how to go on where it was cut. */
export function printFirst<T extends { readonly time: string }>(
  io: Io,
  format: Format,
  { items, isCut }: { readonly items: readonly T[]; readonly isCut: boolean },
  columns: readonly Column<T>[],
): void {
  if (isCut) {
    const last = items.at(-1)?.time ?? '';
    io.stderr.write(
      `joinctl: these are the first ${MOST}: go on with --since=${printable(last)}\n`,
    );
  }
  printMany(io, format, items, (all) => renderTable(columns, all, io.stdout.columns));
}
