/** `kind: lock`, version 2: who may not join until when. */
import * as z from 'zod/mini';
import { metadata, VERSIONS } from '../protocol/resource.ts';
import { guid, name, parseTimestamp, timestamp } from '../protocol/values.ts';

export const lock = z.strictObject({
  kind: z.literal('lock'),
  version: z.literal(VERSIONS.lock),
  metadata,
  spec: z.strictObject({
    target: z
      .strictObject({
        bot: z.optional(name),
        instance: z.optional(guid),
        join_token: z.optional(name),
        /** The virtual machine's `vmId`. */
        machine: z.optional(guid),
        /** Object id of a managed identity: whatever machine acts as it. */
        identity: z.optional(guid),
        /** The ARN of an AWS caller, as STS gives it: of one machine. */
        aws_arn: z.optional(z.string().check(z.minLength(20), z.maxLength(2048))),
      })
      .check(
        z.refine(
          (target) => Object.values(target).filter((value) => value !== undefined).length === 1,
          'expected exactly one of bot, instance, join_token, machine, identity, aws_arn',
        ),
      ),
    message: z.optional(
      z
        .string()
        .check(
          z.maxLength(500),
          z.regex(/^[^\p{Cc}]*$/u, 'expected text without control characters'),
        ),
    ),
    expires: z.optional(timestamp),
  }),
});
export type Lock = z.infer<typeof lock>;

/** What a join could be locked as. */
export type LockSubject = { readonly [K in keyof Lock['spec']['target']]-?: string };

/** The lock that is in force on any of these, if there is one. */
export function lockOn(
  subject: Partial<LockSubject>,
  locks: readonly Lock[],
  at: Date,
): Lock | undefined {
  return locks.find(
    (lock) =>
      isInForce(lock, at) &&
      Object.entries(lock.spec.target).some(
        ([kind, value]) => subject[kind as keyof LockSubject] === value,
      ),
  );
}

/** Whether a lock's time is not over. */
export const isInForce = ({ metadata, spec }: Lock, at: Date): boolean =>
  ![metadata.expires, spec.expires].some((text) => text !== undefined && isPast(text, at));

const isPast = (text: string, at: Date): boolean => (parseTimestamp(text) ?? at) <= at;
