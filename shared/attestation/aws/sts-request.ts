/**
 * Join method `iam`: the `GetCallerIdentity` request that the machine signed with its role's credentials. Everything that
 * can be checked here is; that the signature is good, and whose it is, only AWS STS can say.
 */
import { createHash } from 'node:crypto';
import { DIGEST_HEADER, STS_BODY, STS_ENDPOINTS, type StsEndpoint } from '../../protocol/sts.ts';
import { parseTimestamp } from '../../protocol/values.ts';
import { denied } from '../../refusal.ts';
import { parseStsAuthorization } from './sts-authorization.ts';
import { malformed, parseStsMessage } from './sts-message.ts';

/** A request that may be sent: made of nothing but allowed parts, and for this join alone. */
export interface StsRequest {
  readonly endpoint: StsEndpoint;
  /** By their names in lower case, Authorization among them; host and length follow from where and what is sent. */
  readonly headers: ReadonlyMap<string, string>;
  /** As the joiner names it. */
  readonly accessKeyId: string;
  readonly signedAt: Date;
}

export interface StsRequestContext {
  /** The hex SHA-256 of the proof message: `requestDigest`. */
  readonly digest: string;
  readonly at: Date;
}

/** STS itself accepts 15 minutes; a join needs seconds. */
const MOST_AGE_MS = 300_000;
const SKEW_MS = 60_000;

/** How long evidence may be shown: a signature has its age, and clocks may differ. */
export const STS_REQUEST_SECONDS = (MOST_AGE_MS + SKEW_MS) / 1000;

const AMZ_DATE = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/;

const oneOf =
  (...values: readonly string[]) =>
  (value: string): boolean =>
    values.includes(value);

/** What a signed header may say. What is signed has to be sent, so a header that is not here is refused. */
const KNOWN_HEADERS: Readonly<Record<string, (value: string) => boolean>> = {
  host: () => true,
  'x-amz-date': (value) => AMZ_DATE.test(value),
  'x-amz-security-token': (value) => /^[A-Za-z0-9+/=_-]{16,8192}$/.test(value),
  [DIGEST_HEADER]: () => true,
  'content-type': oneOf(
    'application/x-www-form-urlencoded',
    'application/x-www-form-urlencoded; charset=utf-8',
  ),
  'content-length': oneOf(`${STS_BODY.length}`),
  'x-amz-content-sha256': oneOf(createHash('sha256').update(STS_BODY).digest('hex')),
  accept: oneOf('application/json'),
};
const NEEDED_HEADERS = ['x-amz-date', 'content-type'] as const;

/** Pure. Throws a `Refusal` where the request is not the exact call, to AWS, signed for this join, and just now. */
export function examineStsRequest(base64: string, { digest, at }: StsRequestContext): StsRequest {
  const headers = new Map(parseStsMessage(base64));
  const authorization = headers.get('authorization');
  headers.delete('authorization');
  for (const [name, value] of headers) {
    if (!Object.hasOwn(KNOWN_HEADERS, name)) throw malformed(`expected no header ${name}`);
    if (!KNOWN_HEADERS[name]?.(value)) throw malformed(`the header ${name} has another value`);
  }
  for (const name of NEEDED_HEADERS) {
    if (!headers.has(name)) throw malformed(`expected the header ${name}`);
  }
  const endpoint = STS_ENDPOINTS.get(headers.get('host') ?? '');
  if (!endpoint) throw denied('sts_request_host', 'the request is signed for no known host of STS');
  const { accessKeyId, date, region, signedHeaders } = parseStsAuthorization(authorization);
  if (region !== endpoint.region) {
    throw malformed(`expected a signature for ${endpoint.region}, the region of ${endpoint.host}`);
  }

  checkBound(headers.get(DIGEST_HEADER), signedHeaders, digest);
  if (signedHeaders.join() !== [...headers.keys()].toSorted().join()) {
    throw malformed('expected every header, and no other, among the SignedHeaders, sorted');
  }
  const signedAt = checkTimes(headers.get('x-amz-date') ?? '', date, at);

  for (const name of ['host', 'content-length']) headers.delete(name);
  headers.set('authorization', authorization ?? '');
  return { endpoint, headers, accessKeyId, signedAt };
}

function checkBound(
  named: string | undefined,
  signedHeaders: readonly string[],
  digest: string,
): void {
  const problem =
    named === undefined
      ? 'is absent'
      : !signedHeaders.includes(DIGEST_HEADER)
        ? 'is not signed'
        : named !== digest && 'is of another join request';
  if (problem) throw denied('sts_request_not_bound', `the header ${DIGEST_HEADER} ${problem}`);
}

function checkTimes(amzDate: string, scopeDate: string, at: Date): Date {
  const [, y, mo, d, h, mi, s] = AMZ_DATE.exec(amzDate) ?? [];
  const signedAt = parseTimestamp(`${y}-${mo}-${d}T${h}:${mi}:${s}Z`);
  if (!signedAt) throw malformed('x-amz-date is no time of the calendar');
  if (scopeDate !== amzDate.slice(0, 8)) {
    throw malformed("expected x-amz-date to be of the credential scope's day");
  }
  const age = at.getTime() - signedAt.getTime();
  if (age > MOST_AGE_MS || age < -SKEW_MS) {
    const seconds = Math.round(Math.abs(age) / 1000);
    const problem =
      age > 0
        ? `${seconds} s ago, longer than ${MOST_AGE_MS / 1000} s`
        : `${seconds} s ahead: the machine's clock is off`;
    throw denied('sts_request_times', `the request was signed ${problem}`);
  }
  return signedAt;
}
