/** Join method `iam`: a request to AWS, signed over the join's request at a time that AWS and the broker will accept. */
import { requestDigest } from '../../shared/protocol/join.ts';
import type { GatherEvidence } from '../evidence.ts';
import type { CredentialEffects, Environment } from './credentials.ts';
import { awsEvidence } from './evidence.ts';

/** The broker takes a signature of up to five minutes; what is asked for last must not be lost to the wait. */
const SIGNATURE_MS = 4 * 60_000;

/** `trueTime` is the broker's time: it is asked just before, and this machine's clock may be off. */
export const gatherAwsEvidence =
  (trueTime: () => Date, effects: CredentialEffects, env: Environment): GatherEvidence =>
  async () =>
  async (request) => {
    const goodUntil = new Date(effects.clock.now().getTime() + SIGNATURE_MS);
    const iam = await awsEvidence(requestDigest(request), trueTime(), effects, env);
    return { goodUntil, members: { iam } };
  };
