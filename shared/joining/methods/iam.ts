/** Join method `iam`: a request to AWS STS that the machine signed with its role's credentials, for this join alone. */
import {
  askSts,
  type CallerIdentity,
  type ResolveSts,
} from '../../attestation/aws/caller-identity.ts';
import type { StsLimits } from '../../attestation/aws/sts-limits.ts';
import {
  examineStsRequest,
  STS_REQUEST_SECONDS,
  type StsRequest,
} from '../../attestation/aws/sts-request.ts';
import { instanceIdOf } from '../../protocol/join.ts';
import { badInput, denied } from '../../refusal.ts';
import { evaluateAwsRules } from '../../resources/aws-allow-rules.ts';
import { specOf } from '../../resources/join-token-spec.ts';
import type { KeptFacts } from '../../storage/instances.ts';
import { type JoinMethod, NO_NAME_FACTS } from './method.ts';

export interface IamParts {
  readonly fetch: typeof fetch;
  /** For first joins, and for renewals: strangers can use up the first only. */
  readonly limits: StsLimits;
  readonly renewalLimits: StsLimits;
  /** A simulated STS: only where the settings name one. */
  readonly resolve?: ResolveSts | undefined;
  readonly now: () => Date;
}

type IamFacts = KeptFacts & CallerIdentity & { readonly method: 'iam' };

export const iamMethod = ({
  fetch,
  limits,
  renewalLimits,
  resolve,
  now,
}: IamParts): JoinMethod<StsRequest, IamFacts> => ({
  freshSeconds: STS_REQUEST_SECONDS,
  firstInstanceId: ({ digest }) => instanceIdOf(digest),
  usedReason: 'request_used',

  examine({ iam: evidence }, { digest, at }, report) {
    if (!evidence)
      throw badInput({ field: 'iam', message: 'expected the evidence of join method iam' });
    const request = examineStsRequest(evidence.sts_request, { digest, at });
    report({ aws_access_key_id: request.accessKeyId });
    return request;
  },

  checkTrusted() {
    // AWS itself says whose the request is.
  },

  provesLocally: false,
  machineOf: () => undefined,

  checkCouldMatch() {
    // The request says nothing of account or ARN that could be believed: only STS knows them.
  },

  // Whose it is shows when STS has answered: `prove` holds a renewal to it.
  mayBe: (_, kept) => kept.method === 'iam',

  async prove(request, joinToken, kept, report) {
    // An instance has proved its key by now.
    const lane = kept ? renewalLimits : limits;
    const caller = await lane.ask(joinToken.metadata.name, now(), () =>
      askSts(request, fetch, resolve ? { resolve } : {}),
    );
    report({ aws_account: caller.account, aws_arn: caller.arn });
    if (kept && (kept['arn'] !== caller.arn || kept['userId'] !== caller.userId))
      throw denied('machine_mismatch', `the instance is of ${kept['arn']}, not of ${caller.arn}`);
    return { method: 'iam', ...caller };
  },

  decide(facts, joinToken, report) {
    const decision = evaluateAwsRules(specOf(joinToken, 'iam').allow, facts);
    if (decision.admitted) {
      report({ rule: `allow[${decision.rule}]` });
      return;
    }
    throw denied(
      'rule_mismatch',
      `no rule of join token ${joinToken.metadata.name} admits ${facts.arn}: ${decision.mismatches.join(', ')} did not match`,
    );
  },

  joinsOften: true,

  lockTargets: ({ arn }) => ({ aws_arn: arn }),

  hostOf: ({ arn, userId }) => ({
    machine: `aws:${arn}`,
    incarnation: userId,
    facts: NO_NAME_FACTS,
  }),
});
