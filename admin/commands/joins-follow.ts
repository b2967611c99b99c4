/** `joinctl joins ls --follow`: prints attempts as they come, each once, until somebody ends it. */
import type { JoinRecord } from '../../shared/protocol/join-record.ts';
import { formatTimestamp, parseTimestamp } from '../../shared/protocol/values.ts';
import type { Arguments } from '../arguments.ts';
import type { JoinFilter } from '../broker-client.ts';
import { Failure, Refusal } from '../failure.ts';
import type { Io } from '../io.ts';
import { printable } from '../printable.ts';
import { type Format, toJson, toYaml } from '../resource-output.ts';
import { openSession, type Session } from '../session.ts';
import { JOIN_COLUMNS } from './join-columns.ts';

/** How often the broker is asked. */
export const FOLLOW_SECONDS = 5;

/** An attempt is in the log within a second. One that storage kept out for longer than this is not printed. */
const LATE_SECONDS = 60;

/** What stays wrong however often it is asked. */
const LASTING = ['bad_request', 'forbidden', 'not_found'];

export async function followJoins(
  io: Io,
  args: Arguments,
  filter: JoinFilter,
  format: Format,
): Promise<void> {
  let forget = (): void => {};
  const ended = new Promise<'ended'>((resolve) => {
    forget = io.onInterrupt(() => resolve('ended'));
  });
  let session: Session | undefined = await openSession(io, args);
  const printed = new Set<string>();
  const first = parseTimestamp(filter.since) ?? io.now();
  if (format === 'text') io.stdout.write(lineOf(JOIN_COLUMNS.map(({ header }) => header)));
  try {
    for (;;) {
      const round = followOnce(io, args, session, { filter, first, printed, format });
      const outcome = await Promise.race([round, ended]);
      if (outcome === 'ended') return;
      session = outcome;
      if ((await Promise.race([pause(io, ended), ended])) === 'ended') return;
    }
  } finally {
    forget();
  }
}

interface Following {
  readonly filter: JoinFilter;
  readonly first: Date;
  /** Ids of what may come once more. */
  readonly printed: Set<string>;
  readonly format: Format;
}

/** Asks once. Gives the session to go on with: none where a new one is needed. */
async function followOnce(
  io: Io,
  args: Arguments,
  session: Session | undefined,
  { filter, first, printed, format }: Following,
): Promise<Session | undefined> {
  try {
    const { client } = session ?? (await openSession(io, args));
    const late = new Date(io.now().getTime() - LATE_SECONDS * 1000);
    const since = formatTimestamp(late > first ? late : first);
    const seen: string[] = [];
    await client.eachJoin({ ...filter, since }, (items) => {
      const fresh = items.filter(({ request_id }) => !printed.has(request_id));
      for (const record of fresh) printed.add(record.request_id);
      seen.push(...items.map(({ request_id }) => request_id));
      io.stdout.write(fresh.map((record) => textOf(record, format)).join(''));
      return true;
    });
    const again = new Set(seen);
    for (const id of printed) if (!again.has(id)) printed.delete(id);
    return session;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error instanceof Refusal && LASTING.includes(error.problem.code)) throw error;
    // A sign-in that has ended is renewed where that takes no question; else that is the end.
    if (session === undefined) throw error;
    io.stderr.write(`joinctl: ${error.message} Asking again in ${FOLLOW_SECONDS} s.\n`);
    const isOver = error instanceof Refusal && error.problem.code === 'unauthenticated';
    return isOver ? undefined : session;
  }
}

/** Leaves no timer behind where it is ended. */
const pause = (io: Io, ended: Promise<unknown>): Promise<void> =>
  new Promise((resolve) => {
    const cancel = io.after(FOLLOW_SECONDS * 1000, resolve);
    void ended.then(cancel);
  });

function textOf(record: JoinRecord, format: Format): string {
  switch (format) {
    case 'json':
      return `${toJson(record).replace(/\n\s*/g, ' ').trimEnd()}\n`;
    case 'yaml':
      return `${toYaml(record)}---\n`;
    default:
      return lineOf(JOIN_COLUMNS.map(({ cell }) => printable(cell(record))));
  }
}

/** Nobody knows what comes: columns are as wide as what stands in most of them. */
const WIDTHS = [20, 8, 22, 16, 20, 24];

const lineOf = (cells: readonly string[]): string =>
  `${cells
    .map((text, i) => text.padEnd(WIDTHS[i] ?? 0))
    .join(' ')
    .trimEnd()}\n`;
