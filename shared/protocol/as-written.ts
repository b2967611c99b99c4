/**
 * Resources as people write them, and as other tools export them, made what the schemas expect: a time in UTC, `Bot` for
 * `bot`. What means nothing here is left out, with a word; what would mean something that can't be kept is refused.
 */

import { systemRole } from './join.ts';
import { resourceKind, VERSIONS } from './resource.ts';
import type { InputProblem } from './schema.ts';
import { inUtc } from './values.ts';

export type AsWritten =
  | {
      readonly ok: true;
      readonly value: unknown;
      /** What was left out. */
      readonly notices: readonly InputProblem[];
    }
  | { readonly ok: false; readonly problem: InputProblem };

type Fields = Readonly<Record<string, unknown>>;

/** Makes a resource of what may be one. Whether it is one is for its schema to say. */
export function asWritten(written: unknown): AsWritten {
  const value = readable(written);
  const kind = resourceKind.safeParse(fieldOf(value, ['kind'])).data;
  if (!isFields(value) || kind === undefined) return { ok: true, value, notices: [] };
  if (value['version'] === undefined) {
    const message = `missing; expected ${VERSIONS[kind].join(', ')}`;
    return { ok: false, problem: { field: 'version', message } };
  }
  const kept = kind === 'role' ? findUnkept(value) : undefined;
  if (kept) return { ok: false, problem: kept };
  const foreign = [
    ...EXPORTED.filter((path) => fieldOf(value, path) !== undefined),
    ...(kind === 'role' ? emptyFields(value) : []),
  ];
  return {
    ok: true,
    value: foreign.reduce<unknown>(without, value),
    notices: foreign.map((path) => ({
      field: path.join('.'),
      message: 'left out: it means nothing here',
    })),
  };
}

/** What exports have beside what people write. */
const EXPORTED: readonly (readonly string[])[] = [
  ['status'],
  ['sub_kind'],
  ['metadata', 'id'],
  ['metadata', 'namespace'],
];

/** What other brokers' roles allow beside logins. */
const ELSEWHERE =
  /^(?:app|aws|azure|cluster|db|desktop|gcp|github|group|host|kubernetes|mcp|spiffe|windows|workload)_|^(?:impersonate|join_sessions|request|review_requests)$/;

const UNKEPT = 'expected nothing here: no certificate of this broker could enforce it';

/** What a role says and nothing here would keep. */
function findUnkept(role: Fields): InputProblem | undefined {
  const deny = fieldOf(role, ['spec', 'deny']);
  if (!isEmpty(deny)) {
    return {
      field: 'spec.deny',
      message: 'expected nothing: roles only allow, so a denial would not be kept',
    };
  }
  const allow = fieldOf(role, ['spec', 'allow']);
  const unkept = isFields(allow)
    ? Object.keys(allow).find((name) => ELSEWHERE.test(name) && !isEmpty(allow[name]))
    : undefined;
  return unkept === undefined ? undefined : { field: `spec.allow.${unkept}`, message: UNKEPT };
}

function emptyFields(role: Fields): (readonly string[])[] {
  const allow = fieldOf(role, ['spec', 'allow']);
  const names = isFields(allow) ? Object.keys(allow).filter((name) => ELSEWHERE.test(name)) : [];
  return [
    ...(fieldOf(role, ['spec', 'deny']) === undefined ? [] : [['spec', 'deny']]),
    ...names.map((name) => ['spec', 'allow', name]),
  ];
}

/** Nothing, or nothing but what is empty itself. */
const isEmpty = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === '' ||
  value === false ||
  (typeof value === 'object' && Object.values(value).every(isEmpty));

/** The one way in which something can be written in several. */
function readable(value: unknown): unknown {
  const times = [
    ['metadata', 'expires'],
    ...(fieldOf(value, ['kind']) === 'lock' ? [['spec', 'expires']] : []),
  ];
  const timed = times.reduce<unknown>((whole, path) => change(whole, path, utcOf), value);
  return fieldOf(value, ['kind']) === 'token' ? change(timed, ['spec', 'roles'], roleNames) : timed;
}

const utcOf = (time: unknown): unknown => (typeof time === 'string' ? (inUtc(time) ?? time) : time);

const roleNames = (roles: unknown): unknown =>
  Array.isArray(roles)
    ? roles.map((role: unknown) => NAMES.get(String(role).toLowerCase()) ?? role)
    : roles;

const NAMES: ReadonlyMap<string, string> = new Map(
  systemRole.options.map((role) => [role.toLowerCase(), role]),
);

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const fieldOf = (value: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>(
    (inner, name) => (isFields(inner) && Object.hasOwn(inner, name) ? inner[name] : undefined),
    value,
  );

/** The value with one field made another, if it has it. */
function change(value: unknown, path: readonly string[], make: (now: unknown) => unknown): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return make(value);
  if (!isFields(value) || !Object.hasOwn(value, name)) return value;
  return { ...value, [name]: change(value[name], rest, make) };
}

function without(value: unknown, path: readonly string[]): unknown {
  const name = path.at(-1) ?? '';
  return change(value, path.slice(0, -1), (holder) => {
    if (!isFields(holder)) return holder;
    const { [name]: _, ...rest } = holder;
    return rest;
  });
}
