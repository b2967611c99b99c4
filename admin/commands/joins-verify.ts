/** `joinctl joins verify`: whether the join log is as it was written. */
import type { LogProblem, LogVerification } from '../../shared/protocol/join-log-verification.ts';
import { flagValue } from '../arguments.ts';
import type { Command } from '../command.ts';
import { Difference } from '../failure.ts';
import { printable } from '../printable.ts';
import { openSession } from '../session.ts';
import { parseSince } from './since.ts';

export const joinsVerify: Command = {
  words: ['joins', 'verify'],
  summary: 'look whether the join log is as it was written; ends with 3 where it is not',
  operands: [],
  flags: { since: 'from when on (all that it keeps)' },
  examples: ['joinctl joins verify', 'joinctl joins verify --since=7d'],
  async run(io, args) {
    const asked = flagValue(args, 'since');
    const since = asked === undefined ? undefined : parseSince(asked, io.now());
    const { client } = await openSession(io, args);
    let checked = 0;
    let found = 0;
    let first: LogVerification | undefined;
    await client.verifyJoins(since, (page) => {
      checked += page.checked;
      found += page.found;
      first ??= page;
      for (const problem of page.problems) io.stdout.write(`${sayProblem(problem)}\n`);
    });
    const anchors = sayAnchors(first);
    if (found > 0) {
      io.stdout.write(anchors);
      throw new Difference(`The join log is not as it was written: ${found} of ${checked} rows.`);
    }
    io.stdout.write(`All ${checked} rows of the join log are as they were written.\n${anchors}`);
  },
};

function sayAnchors({
  anchor,
  oldest_anchor: oldest,
  anchors,
}: Partial<LogVerification> = {}): string {
  if (!anchor || oldest === undefined || anchors === undefined)
    return 'There is no anchor: the broker\'s own log must have none, either (event "anchor").\n';
  return [
    `The newest anchor is ${printable(anchor.key)} ${printable(anchor.mac)}: the broker's own log must have it, too (event "anchor").`,
    `The oldest one is ${printable(oldest)}: of the last 30 days that log must have none before it, and ${anchors} from this one to that one.`,
    '',
  ].join('\n');
}

const SAID: Readonly<Record<LogProblem['what'], string>> = {
  changed: 'was changed',
  missing: 'is missing',
  'not ours': 'was not written by the broker',
  'not listed': 'is a refusal that lists of refusals leave out',
  'other key': 'was written under a data key that was given up: nobody can tell',
  anchor: 'is wrong, or missing',
};

const sayProblem = ({ what, request_id, name }: LogProblem): string =>
  `${printable(request_id ?? name ?? '')} ${SAID[what]}`;
