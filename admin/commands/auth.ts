/** `joinctl auth init|status` */
import type { AuthorityStatus, KeyRecord, ListStatus } from '../../shared/protocol/authorities.ts';
import { flagValues, hasFlag } from '../arguments.ts';
import type { Command } from '../command.ts';
import { printable } from '../printable.ts';
import { formatOf, printOne } from '../resource-output.ts';
import { openSession } from '../session.ts';
import { renderTable } from '../table.ts';

export const authInit: Command = {
  words: ['auth', 'init'],
  summary: "make the broker's first keys: once, before anything can join",
  operands: [],
  flags: {
    resume: 'go on with an init that was begun and not finished',
    'give-up': 'what was lost for good and is replaced: a CA pin, ssh-user or ssh-host',
  },
  examples: ['joinctl auth init', 'joinctl auth init --give-up=ssh-user'],
  async run(io, args) {
    const resume = hasFlag(args, 'resume');
    const give_up = flagValues(args, 'give-up');
    const { client } = await openSession(io, args);
    const { cluster, ca_pins } = await client.initAuthorities({
      ...(resume && { resume }),
      ...(give_up.length > 0 && { give_up: [...give_up] }),
    });
    const pins = ca_pins.map((pin) => `CA pin ${pin}\n`).join('');
    io.stdout.write(`the authorities of ${printable(cluster)} have been made\n\n${pins}
Agents that have the pin in their config believe no other root.
`);
  },
};

export const authStatus: Command = {
  words: ['auth', 'status'],
  summary: "show the broker's keys, their states and what is due next",
  operands: [],
  flags: { format: 'how to show them (text)' },
  examples: ['joinctl auth status'],
  async run(io, args) {
    const format = formatOf(args, 'text');
    const { client } = await openSession(io, args);
    const status = await client.authorities();
    printOne(io, format, status, (one) => statusText(one, io.stdout.columns));
  },
};

export function statusText(status: AuthorityStatus, columns: number | undefined): string {
  const { cluster, ca_pins, keys, missing, ignored, revocation } = status;
  const table = renderTable<KeyRecord>(
    [
      { header: 'Authority', cell: ({ authority }) => printable(authority) },
      { header: 'Purpose', cell: ({ purpose }) => printable(purpose) },
      { header: 'Number', cell: ({ number }) => String(number) },
      { header: 'State', cell: ({ state }) => state },
      { header: 'Signs from', cell: ({ starts }) => starts },
      { header: 'Ends', cell: ({ expires }) => expires ?? 'never' },
      { header: 'Successor due', cell: ({ successor_due }) => successor_due ?? '' },
    ],
    keys,
    columns,
  );
  return [
    `Cluster ${printable(cluster)}\n`,
    ...ca_pins.map((pin) => `CA pin ${pin}\n`),
    ...(missing === undefined ? [] : [`\nMissing: ${printable(missing)}\n`]),
    ...(ignored.length === 0
      ? []
      : [`\nIgnored, because they don't authenticate: ${ignored.map(printable).join(', ')}\n`]),
    ...(keys.length === 0 ? [] : [`\n${table}`, `\n${listText(revocation)}\n`]),
  ].join('');
}

function listText(lists: ListStatus | undefined): string {
  if (!lists) return "Revocation lists: they can't be made now";
  const { version, certificates, this_update, next_update, root_update } = lists;
  const root = root_update
    ? `, the root's own of ${root_update}`
    : ', without the root: it has signed none yet';
  return `Revocation lists: version ${version} of ${this_update}, good until ${next_update}, ${certificates} certificates${root}`;
}
