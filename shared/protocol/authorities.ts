/** `/v1/authorities`: the broker's keys, as operators see and change them. */
import * as z from 'zod/mini';
import { caPin } from './trust.ts';
import { timestamp } from './values.ts';

export const keyRecord = z.object({
  /** Whose key: `tls`, `ssh-user`, `ssh-host`, `probe` or `data`. */
  authority: z.string(),
  purpose: z.string(),
  number: z.int(),
  state: z.enum(['upcoming', 'signing', 'retiring', 'gone']),
  starts: timestamp,
  /** Absent for a key without an end. */
  expires: z.optional(timestamp),
  /** When its successor is made; absent where the timer makes none. */
  successor_due: z.optional(timestamp),
});
export type KeyRecord = z.infer<typeof keyRecord>;

/** The revocation lists as they are served now. */
export const listStatus = z.object({
  /** The CRL number, and the version of the KRL. */
  version: z.int(),
  /** Serial numbers on them. */
  certificates: z.int(),
  this_update: timestamp,
  next_update: timestamp,
  /** When the root's own list was signed; absent while there is none. */
  root_update: z.optional(timestamp),
});
export type ListStatus = z.infer<typeof listStatus>;

export const authorityStatus = z.object({
  cluster: z.string(),
  ca_pins: z.array(caPin),
  keys: z.array(keyRecord),
  /** What an operator has to mend, in a sentence. */
  missing: z.optional(z.string()),
  /** Absent where they can't be made now. */
  revocation: z.optional(listStatus),
  /** Names of rows that don't authenticate and count for nothing. */
  ignored: z.array(z.string()),
});
export type AuthorityStatus = z.infer<typeof authorityStatus>;

/** Kinds of keys that an operator can have replaced. */
export const ROTATED_AUTHORITIES = [
  'tls',
  'issuing',
  'ssh-user',
  'ssh-host',
  'probe',
  'data',
] as const;
export type RotatedAuthority = (typeof ROTATED_AUTHORITIES)[number];

export const rotateBody = z.strictObject({
  /** Numbers of the keys of this kind that are there, as `GET /v1/authorities` shows them: where there are others, nothing happens. */
  numbers: z.array(z.int().check(z.positive())).check(z.maxLength(64)),
  /** They leaked: the new key signs at once, and none of them counts any more. */
  leaked: z.optional(z.boolean()),
});
export type RotateBody = z.infer<typeof rotateBody>;

export const retireBody = z.strictObject({
  /** Numbers of the roots that are there: where there are others, nothing happens. */
  numbers: z.array(z.int().check(z.positive())).check(z.maxLength(64)),
});
export type RetireBody = z.infer<typeof retireBody>;

export const initBody = z.strictObject({
  /** Goes on with an init that was begun and not finished. */
  resume: z.optional(z.boolean()),
  /** What is given up: the CA pin of a lost root, `ssh-user`, `ssh-host`. */
  give_up: z.optional(z.array(z.string().check(z.maxLength(80))).check(z.maxLength(4))),
});
export type InitBody = z.infer<typeof initBody>;
