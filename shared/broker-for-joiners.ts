/** What the broker does for joiners: joins, and what agents say of themselves. */
import type { SignedTrust } from './authority/signed-trust.ts';
import type { Call } from './call.ts';
import { once } from './first-use.ts';
import type { Foundation } from './foundation.ts';
import { createAuditSample } from './joining/audit-sample.ts';
import { auditedJoin } from './joining/audited-join.ts';
import { createCallers } from './joining/caller.ts';
import { join } from './joining/join.ts';
import { isProbeMark } from './joining/probe-mark.ts';
import type { Report } from './joining/report.ts';
import type { HeartbeatBody } from './protocol/heartbeat.ts';
import type { JoinAnswer, JoinBody } from './protocol/join.ts';
import type { Lock } from './resources/lock.ts';

export interface BrokerForJoiners {
  /** `read` gives the body, or throws the refusal of one that can't be read: that is an attempt, too. */
  join(read: () => JoinBody, call: Call): Promise<JoinAnswer>;
  /** What an agent says of itself: a claim, kept for operators. */
  heartbeat(read: () => HeartbeatBody, call: Call): Promise<void>;
  /** Tells of the attempts that were not told of one by one. */
  tell(): void;
}

export function createBrokerForJoiners(
  foundation: Foundation,
  trust: () => Promise<SignedTrust>,
  onLocked: (lock: Lock, call: Call) => Promise<void>,
): BrokerForJoiners {
  const { settings, keyring, joinLog, telemetry, now } = foundation;
  const sample = createAuditSample(settings.JOIN_BROKER_AUDITED_STRANGERS, telemetry);
  const callers = createCallers({
    attempts: settings.JOIN_BROKER_FAILED_JOINS_PER_ADDRESS,
    perMachine: settings.JOIN_BROKER_FAILED_JOINS_PER_MACHINE,
    questions: settings.JOIN_BROKER_UNPROVED_JOINS_PER_ADDRESS,
  });

  async function answer(
    read: () => JoinBody,
    isProbe: () => Promise<boolean>,
    call: Call,
    report: Report,
  ): Promise<JoinAnswer> {
    const caller = callers(call.client);
    caller.countAttempt(now());
    const probing = await isProbe();
    const parts = { ...foundation, onLocked: (lock: Lock) => onLocked(lock, call), probing };
    const joined = await join(read(), parts, caller, report);
    const { bundle } = await trust();
    await foundation.readLogKey();
    caller.admitted();
    return {
      request_id: call.requestId,
      ...(joined.bot !== undefined && { bot: joined.bot }),
      role: joined.instance.role,
      instance_id: joined.instance.id,
      generation: joined.generation,
      certificates: [...joined.certificates],
      trust: bundle,
    };
  }

  const takeHeartbeat = once(async () =>
    (await import('./joining/heartbeat.ts')).createHeartbeatTaker({
      ...foundation,
      authorities: keyring.authorities,
      failuresPerAddress: settings.JOIN_BROKER_FAILED_JOINS_PER_ADDRESS,
    }),
  );

  return {
    join(read, call) {
      const { probe } = call;
      const isProbe = once(
        async () =>
          probe !== undefined &&
          isProbeMark(probe, read().request, (await keyring.authorities()).probeKeys),
      );
      return auditedJoin((report) => answer(read, isProbe, call, report), isProbe, {
        call,
        telemetry,
        sample,
        log: joinLog.record,
        now,
      });
    },
    heartbeat: async (read, { client }) => (await takeHeartbeat())(read, client),
    tell: () => sample.tell(),
  };
}
