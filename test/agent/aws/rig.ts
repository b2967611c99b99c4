/** What the agent needs to prove itself on a machine of a simulated AWS, on a clock that only moves when it sleeps. */
import type { CredentialEffects, Environment } from '../../../agent/aws/credentials.ts';
import { awsEvidence } from '../../../agent/aws/evidence.ts';
import { Failure } from '../../../agent/failure.ts';
import { createAwsCloud } from '../../../local/aws/cloud.ts';
import { askSts, type CallerIdentity } from '../../../shared/attestation/aws/caller-identity.ts';
import { examineStsRequest } from '../../../shared/attestation/aws/sts-request.ts';
import { createClock } from '../clock.ts';
import { sendWith } from '../send-with.ts';

export const DIGEST = 'd'.repeat(64);
export const CONTAINER = 'http://169.254.170.2';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

export function createAwsRig() {
  const clock = createClock();
  const cloud = createAwsCloud({ now: clock.now });
  const account = cloud.account('111111111111');
  const instance = account.instance('ec2', {
    role: 'bot-role',
    instanceId: 'i-0abcdef1234567890',
    region: 'eu-west-1',
  });
  const task = account.task('ecs', { role: 'task-role', region: 'us-east-2' });
  const stop = new AbortController();
  const effects: CredentialEffects = {
    clock,
    random: () => 1,
    imds: sendWith((request) => {
      const { origin } = new URL(request.url);
      if (origin === 'http://169.254.169.254') return instance.fetch(request);
      if (origin === CONTAINER) return task.metadata(request);
      return Promise.reject(new TypeError('fetch failed'));
    }),
    log: silent,
    stop: stop.signal,
  };
  const evidence = (env: Environment, at = clock.now()) => awsEvidence(DIGEST, at, effects, env);
  return {
    clock,
    cloud,
    account,
    instance,
    task,
    stop,
    effects,
    evidence,
    /** Whom the broker takes the machine for, and the host that was asked. */
    async identity(env: Environment = {}): Promise<CallerIdentity & { readonly host: string }> {
      const { sts_request } = await evidence(env);
      const request = examineStsRequest(sts_request, { digest: DIGEST, at: clock.now() });
      return { ...(await askSts(request, cloud.fetch)), host: request.endpoint.host };
    },
    /** `code: message` of the failure. */
    async failure(env: Environment = {}, at = clock.now()): Promise<string> {
      try {
        await evidence(env, at);
        return 'no failure';
      } catch (error) {
        if (error instanceof Failure) return `${error.code}: ${error.message}`;
        throw error;
      }
    },
  };
}
