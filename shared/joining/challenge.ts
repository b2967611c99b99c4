/**
 * The stateless challenge that makes evidence fresh. Text form, separated by dots:
 * `v1`, sequence number of the MAC key, random id, expiry, instance id or `-`, MAC. The MAC also covers join token and
 * method, which the request repeats.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { ChallengeKey } from '../authority/authorities.ts';
import { decodeBase64Url, encodeBase64Url } from '../encoding/base64.ts';
import { formatUuid } from '../encoding/uuid.ts';
import type { JoinMethod } from '../protocol/join.ts';
import { denied } from '../refusal.ts';

/** What a challenge was asked for. */
export interface ChallengePurpose {
  readonly token: string;
  readonly joinMethod: JoinMethod;
  /** The instance that renews itself. */
  readonly instanceId: string | undefined;
}

export interface Challenge {
  /** 16 random bytes as a UUID: the id of the instance that a first join with it makes. */
  readonly id: string;
  readonly issued: Date;
  readonly expires: Date;
  /** The one instance that it is good for, if it is for a renewal. */
  readonly instanceId: string | undefined;
}

const CHALLENGE_SECONDS = 300;

/** Makes a challenge, good for five minutes. */
export function makeChallenge(
  purpose: ChallengePurpose,
  key: ChallengeKey,
  at: Date,
): { text: string; expires: Date } {
  const expires = Math.floor(at.getTime() / 1000) + CHALLENGE_SECONDS;
  const body = [
    'v1',
    key.sequence,
    encodeBase64Url(randomBytes(16)),
    expires,
    purpose.instanceId ?? '-',
  ].join('.');
  return {
    text: `${body}.${encodeBase64Url(mac(body, purpose, key))}`,
    expires: new Date(expires * 1000),
  };
}

const FORM =
  /^(v1\.(\d{1,9})\.([A-Za-z0-9_-]{22})\.(\d{10,11})\.([0-9a-f-]{36}|-))\.([A-Za-z0-9_-]{43})$/;

/** The sequence number of the key that a challenge names; `undefined` if the text is no challenge. */
export function challengeKeySequence(text: string): number | undefined {
  const sequence = FORM.exec(text)?.[2];
  return sequence === undefined ? undefined : Number(sequence);
}

/** Verifies a challenge: its MAC, what it was asked for, its expiry. Throws a `Refusal` with reason `challenge_…`. */
export function verifyChallenge(
  text: string,
  purpose: Omit<ChallengePurpose, 'instanceId'>,
  key: ChallengeKey,
  at: Date,
): Challenge {
  const [, body = '', , encodedId = '', expiry = '', instance = '-', encodedMac = ''] =
    FORM.exec(text) ?? [];
  const id = decodeBase64Url(encodedId);
  const given = decodeBase64Url(encodedMac);
  const instanceId = instance === '-' ? undefined : instance;
  const expected = mac(body, { ...purpose, instanceId }, key);
  if (!id || given?.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw denied(
      'challenge_invalid',
      'the challenge is not one of ours for this join token and method',
    );
  }
  const expires = new Date(Number(expiry) * 1000);
  if (expires <= at) throw denied('challenge_expired', 'the challenge has expired');
  const issued = new Date(expires.getTime() - CHALLENGE_SECONDS * 1000);
  return { id: formatUuid(id, 4), issued, expires, instanceId };
}

function mac(body: string, purpose: ChallengePurpose, key: ChallengeKey): Buffer {
  const covered = `join-broker-challenge\n${body}\n${purpose.joinMethod}\n${purpose.token}`;
  return createHmac('sha256', key.secret).update(covered).digest();
}
