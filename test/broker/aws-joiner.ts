/** A joiner on AWS, written from the protocol: join method `iam`. */
import { createHash, type KeyObject, randomUUID, sign } from 'node:crypto';
import { signedStsRequest } from '../../agent/aws/signature.ts';
import type { AwsCredentials } from '../../local/aws/credentials.ts';
import { GLOBAL_STS, type StsEndpoint } from '../../shared/protocol/sts.ts';
import { type Attempt, CLUSTER, certificationRequest, joined, newKey } from './joiner.ts';
import type { Api, Clock } from './test-broker.ts';

export interface IamJoin {
  readonly token?: string;
  readonly key?: KeyObject;
  readonly renews?: Attempt;
  /** Signs the proof, in place of the right key. */
  readonly proofKey?: KeyObject;
  readonly request?: Readonly<Record<string, unknown>>;
  readonly wish?: Readonly<Record<string, unknown>>;
  readonly endpoint?: StsEndpoint;
  /** When the request is signed: now by default. */
  readonly signedAt?: Date;
  /** Bends the digest that is signed. */
  readonly digest?: (right: string) => string;
  /** Bends the text of the signed request, after it was signed. */
  readonly bent?: (text: string) => string;
  /** The address that it comes from. */
  readonly from?: string;
}

export async function joinFromAws(
  api: Api & { readonly clock: Clock },
  credentials: AwsCredentials,
  options: IamJoin = {},
): Promise<Attempt> {
  const { body, key } = makeIamJoin(api.clock, credentials, options);
  const headers = { 'x-forwarded-for': options.from ?? null };
  const answer = await api.request('POST', '/v1/join', { body, headers });
  return { ...answer, sent: body, key };
}

/** The body of such a join, not sent yet. */
export function makeIamJoin(
  clock: Clock,
  credentials: AwsCredentials,
  options: IamJoin = {},
): { readonly body: Record<string, unknown>; readonly key: KeyObject } {
  const key = options.key ?? newKey();
  const { renews } = options;
  const instance = renews && {
    id: joined(renews).instance_id,
    generation: joined(renews).generation,
  };
  const request = JSON.stringify({
    broker: CLUSTER,
    id: randomUUID(),
    token: options.token ?? 'iam-token',
    join_method: 'iam',
    ...(instance && { instance }),
    certificates: [{ name: 'identity', csr: certificationRequest(key), ...options.wish }],
    ...options.request,
  });
  const proofKey = options.proofKey ?? renews?.key;
  const body = {
    request,
    iam: iamEvidence(request, clock, credentials, options),
    ...(proofKey && {
      proof: sign('sha256', Buffer.from(messageOf(request)), proofKey).toString('base64'),
    }),
  };
  return { body, key };
}

const messageOf = (request: string): string => `join-broker-v1\n${request}`;

/** The request to STS, signed for this join. */
export function iamEvidence(
  request: string,
  clock: Clock,
  credentials: AwsCredentials,
  options: Pick<IamJoin, 'endpoint' | 'signedAt' | 'digest' | 'bent'> = {},
): { readonly sts_request: string } {
  const digest = createHash('sha256').update(messageOf(request)).digest('hex');
  const signed = signedStsRequest(
    options.endpoint ?? GLOBAL_STS,
    options.digest?.(digest) ?? digest,
    options.signedAt ?? clock.now(),
    credentials,
  );
  const text = Buffer.from(signed, 'base64').toString('latin1');
  return { sts_request: Buffer.from(options.bent?.(text) ?? text, 'latin1').toString('base64') };
}
