/** The table of each kind of resource. */
import type { Resource, ResourceKind } from '../shared/protocol/resource.ts';
import { parseTimestamp } from '../shared/protocol/values.ts';
import { certificateIn, entries, field, items, texts } from './resource-fields.ts';
import { type Column, renderTable } from './table.ts';

export interface TableContext {
  readonly now: Date;
  /** The terminal's width, where there is one. */
  readonly width: number | undefined;
}

/** The resources, all of one kind, as a table. */
export const resourceTable = (
  kind: ResourceKind,
  resources: readonly Resource[],
  { now, width }: TableContext,
): string => renderTable(COLUMNS[kind](now), resources, width);

const COLUMNS: Readonly<Record<ResourceKind, (now: Date) => readonly Column<Resource>[]>> = {
  role: () => [
    { header: 'Role', cell: name },
    { header: 'Allowed to login as', cell: ({ spec }) => list(field(spec, 'allow', 'logins')) },
    { header: 'Node Labels', cell: ({ spec }) => nodeLabels(field(spec, 'allow', 'node_labels')) },
    {
      header: 'Access to resources',
      cell: ({ spec }) => accessRules(field(spec, 'allow', 'rules')),
      elastic: true,
    },
  ],
  bot: (now) => [
    { header: 'Bot', cell: name },
    { header: 'Roles', cell: ({ spec }) => list(field(spec, 'roles')), elastic: true },
    { header: 'Logins', cell: ({ spec }) => loginTraits(spec).join(','), elastic: true },
    { header: 'Expires', cell: ({ metadata }) => expiry(metadata.expires, now) },
  ],
  token: (now) => tokenColumns(now),
  lock: (now) => [
    { header: 'Lock', cell: name },
    { header: 'Target', cell: ({ spec }) => lockTarget(spec) },
    { header: 'Expires', cell: ({ spec }) => expiry(field(spec, 'expires'), now) },
    { header: 'Message', cell: ({ spec }) => list(field(spec, 'message')), elastic: true },
  ],
  azure_root: (now) => [
    { header: 'Azure root', cell: name },
    { header: 'Subject', cell: ({ spec }) => certificateIn(spec)?.name ?? '', elastic: true },
    { header: 'SHA-256', cell: ({ spec }) => certificateIn(spec)?.sha256 ?? '' },
    { header: 'Ends', cell: ({ spec }) => expiry(certificateIn(spec)?.ends, now) },
    { header: 'Expires', cell: ({ metadata }) => expiry(metadata.expires, now) },
  ],
  azure_denied_signer: (now) => [
    { header: 'Denied signer', cell: name },
    { header: 'Of', cell: ({ spec }) => ('public_key_sha256' in spec ? 'key' : 'certificate') },
    {
      header: 'SHA-256',
      cell: ({ spec }) => list(field(spec, 'sha256') ?? field(spec, 'public_key_sha256')),
    },
    { header: 'Expires', cell: ({ metadata }) => expiry(metadata.expires, now) },
    { header: 'Message', cell: ({ spec }) => list(field(spec, 'message')), elastic: true },
  ],
};

/** The columns of join tokens; `secrets` says of those with a secret what became of it, where that is known. */
const tokenColumns = (
  now: Date,
  secrets?: ReadonlyMap<string, string>,
): readonly Column<Resource>[] => [
  { header: 'Token', cell: name },
  { header: 'Type', cell: ({ spec }) => list(field(spec, 'roles')) },
  { header: 'Join method', cell: ({ spec }) => list(field(spec, 'join_method')) },
  { header: 'Bot', cell: ({ spec }) => list(field(spec, 'bot_name')) },
  { header: 'Expires', cell: ({ metadata }) => expiry(metadata.expires, now) },
  ...(secrets
    ? [{ header: 'Secret', cell: ({ metadata }: Resource) => secrets.get(metadata.name) ?? '' }]
    : []),
  { header: 'Allow rules', cell: ({ spec }) => allowRules(spec), elastic: true },
];

/** The table of join tokens with what became of their secrets, by the join token's name. */
export const tokenTable = (
  tokens: readonly Resource[],
  secrets: ReadonlyMap<string, string>,
  { now, width }: TableContext,
): string => renderTable(tokenColumns(now, secrets), tokens, width);

const name = ({ metadata }: Resource): string => metadata.name;

const list = (value: unknown): string => texts(value).join(',');

/** The values of a bot's `logins` trait. */
export const loginTraits = (spec: Resource['spec']): readonly string[] =>
  items(field(spec, 'traits'))
    .filter((trait) => field(trait, 'name') === 'logins')
    .flatMap((trait) => texts(field(trait, 'values')));

function nodeLabels(labels: unknown): string {
  const pairs = entries(labels);
  return pairs.some(([key, value]) => key === '*' && texts(value).includes('*'))
    ? '<all nodes>'
    : pairs.map(([key, value]) => `${key}=${texts(value).join('|')}`).join(',');
}

const accessRules = (rules: unknown): string =>
  items(rules)
    .flatMap((rule) =>
      texts(field(rule, 'resources')).map(
        (resource) => `${resource}:${list(field(rule, 'verbs'))}`,
      ),
    )
    .join(',');

/** `subscription=… resource_groups=a,b`, rules separated by semicolons. Those of `iam` stand directly in the spec. */
const allowRules = (spec: Resource['spec']): string =>
  items(field(spec, String(field(spec, 'join_method')), 'allow') ?? field(spec, 'allow'))
    .map((rule) =>
      entries(rule)
        .map(([key, value]) => `${key}=${list(value)}`)
        .join(' '),
    )
    .join('; ');

/** What a lock is for, as `bot=example`. */
export const lockTarget = (spec: Resource['spec']): string =>
  entries(field(spec, 'target'))
    .map(([key, value]) => `${key}=${list(value)}`)
    .join(' ');

export function expiry(value: unknown, now: Date): string {
  if (typeof value !== 'string') return 'never';
  const time = parseTimestamp(value);
  return time && time.getTime() <= now.getTime() ? `${value} (over)` : value;
}
