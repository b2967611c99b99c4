/** `GET /v1/instances?owner=…` and `GET /v1/instances/{owner}/{id}`: what joined, for operators. */
import * as z from 'zod/mini';
import { heartbeatRecord } from './heartbeat.ts';
import { systemRole } from './join.ts';
import { guid, name, timestamp } from './values.ts';

/** Whose instances: `bot:<name>`, or `host:<system role>`. */
export const instanceOwner = z.string().check(
  z.refine((text) => {
    const [kind, rest = '', ...more] = text.split(':');
    if (more.length > 0) return false;
    if (kind === 'bot') return z.safeParse(name, rest).success;
    return kind === 'host' && z.safeParse(systemRole, rest).success && rest !== 'Bot';
  }, 'expected bot:<name>, or host:<system role>'),
);

export const instanceRecord = z.object({
  id: guid,
  owner: instanceOwner,
  role: systemRole,
  join_token: name,
  join_method: z.string(),
  generation: z.int(),
  /** What was proved of the machine; which facts there are depends on the join method. */
  machine: z.record(z.string(), z.union([z.string(), z.number()])),
  /** The attested names of a host. */
  names: z.readonly(z.array(z.string())),
  /** The first join, the latest one, and until when it can renew itself. */
  joined: timestamp,
  seen: timestamp,
  expires: timestamp,
  /** Serial numbers of unexpired certificates, in hex. */
  serials: z.readonly(z.array(z.string())),
  /** What its agent said last of itself: claimed, not proved. Absent where it said nothing. */
  heartbeat: z.optional(heartbeatRecord),
});
export type InstanceRecord = z.infer<typeof instanceRecord>;

/** One page of a list. `next` is passed back as `?next=` for the following page. */
export const instancePage = z.object({
  items: z.array(instanceRecord),
  next: z.optional(z.string()),
});
export type InstancePage = z.infer<typeof instancePage>;
