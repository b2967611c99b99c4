/** The instance rows that joins and renewals write: pure functions from what was decided to what is stored. */
import type { VerifiedMachine } from '../attestation/azure/machine-binding.ts';
import { Refusal } from '../refusal.ts';
import type { Instance, IssuedCertificate, UsedChallenge } from '../storage/instances.ts';
import type { CertificateKeys } from './certificate-keys.ts';
import type { Challenge } from './challenge.ts';

/** What a join or renewal has come to, before it is written. */
export interface DecidedJoin {
  readonly bot: string;
  readonly joinToken: string;
  readonly challenge: Challenge;
  readonly requestDigest: string;
  readonly keys: readonly CertificateKeys[];
  readonly certificates: readonly IssuedCertificate[];
  readonly machine: VerifiedMachine;
  readonly machineVerified: Date;
  readonly at: Date;
}

/** They fit one column of a row. More are refused, never dropped: what was forgotten could not be revoked. */
const MOST_SERIALS = 400;
/** With sixteen certificates each they still fit one column of a row. */
const MOST_USED_CHALLENGES = 10;
/** How long a row outlives everything it says, for clocks that differ. */
const SKEW_SECONDS = 3600;

/** The row of a first join. Its id is the challenge's: a second use of the challenge meets this row. */
export function firstInstance(join: DecidedJoin): Instance {
  const at = unixSeconds(join.at);
  return {
    id: join.challenge.id,
    bot: join.bot,
    joinToken: join.joinToken,
    joined: at,
    ...generation(join, 1, [], []),
  };
}

/** The row after a renewal. */
export function renewedInstance(before: Instance, join: DecidedJoin): Instance {
  const at = unixSeconds(join.at);
  const used = before.usedChallenges.filter(({ expires }) => expires > at);
  if (used.length >= MOST_USED_CHALLENGES)
    throw new Refusal('try_again', 'renewed too often: try again in a few minutes');
  const serials = before.serials.filter(({ expires }) => expires > at);
  return { ...before, ...generation(join, before.generation + 1, used, serials) };
}

/** What the challenge was used for, if it was; whether by the same request is for the caller to see. */
export function usedFor(instance: Instance, challengeId: string): UsedChallenge | undefined {
  return instance.usedChallenges.find(({ id }) => id === challengeId);
}

function generation(
  join: DecidedJoin,
  number: number,
  used: readonly UsedChallenge[],
  serials: Instance['serials'],
): Omit<Instance, 'id' | 'bot' | 'joinToken' | 'joined'> {
  const { challenge, requestDigest, certificates, keys, machine } = join;
  const [first] = keys;
  if (!first) throw new Error('a join has no certificate');
  const challengeExpires = unixSeconds(challenge.expires);
  const issued = certificates.map(({ serial, expires }) => ({ serial, expires }));
  const unexpired = [...serials, ...issued].toSorted((a, b) => a.expires - b.expires);
  if (unexpired.length > MOST_SERIALS) {
    throw new Refusal(
      'try_again',
      'too many certificates of this instance are unexpired: try again later',
    );
  }
  const last = Math.max(challengeExpires, ...unexpired.map(({ expires }) => expires));
  return {
    generation: number,
    instanceKey: first.tlsKey.der,
    instanceKeyExpires: certificates[0]?.expires ?? 0,
    machine: { ...machine, verified: unixSeconds(join.machineVerified) },
    serials: unexpired,
    usedChallenges: [
      ...used,
      {
        id: challenge.id,
        requestDigest,
        generation: number,
        certificates,
        expires: challengeExpires,
      },
    ],
    seen: unixSeconds(join.at),
    goneAfter: last + SKEW_SECONDS,
  };
}

export const unixSeconds = (time: Date): number => Math.floor(time.getTime() / 1000);
