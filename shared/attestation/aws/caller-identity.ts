/** Asks AWS STS whose credentials signed a request, by sending the request itself (rules 7 and 15). */
import * as z from 'zod/mini';
import { withDeadline } from '../../deadline.ts';
import { textOf } from '../../fetch-text.ts';
import { parseJsonWith } from '../../protocol/schema.ts';
import { STS_BODY } from '../../protocol/sts.ts';
import { denied, type Refusal, unavailable } from '../../refusal.ts';
import { parseCallerArn } from './caller-arn.ts';
import type { StsRequest } from './sts-request.ts';

/** Who AWS says signed. */
export interface CallerIdentity {
  /** 12 digits. */
  readonly account: string;
  /** Of a machine: `arn:aws:sts::<account>:assumed-role/<role>/<instance id>`. */
  readonly arn: string;
  /** AWS's own id of the role, and the session's name: `AROA…:i-0abc…`. A role made again under a name has another. */
  readonly userId: string;
}

/** Where a known host of STS is found. */
export type ResolveSts = (host: string) => URL;

export interface AskStsOptions {
  /** A simulated STS: only where the settings name one. */
  readonly resolve?: ResolveSts;
  readonly milliseconds?: number;
}

const atAws: ResolveSts = (host) => new URL(`https://${host}/`);
const TIMEOUT_MS = 5000;
const MOST_BYTES = 16 * 1024;
const RETRY_SECONDS = 5;

/** Throws a `Refusal`: `sts_denied` where STS refuses the signature, `unavailable` where it has no usable answer. */
export async function askSts(
  { endpoint, headers }: StsRequest,
  fetch: typeof globalThis.fetch,
  { resolve = atAws, milliseconds = TIMEOUT_MS }: AskStsOptions = {},
): Promise<CallerIdentity> {
  const noAnswer = `${endpoint.host} gave no answer`;
  const exchange = async (signal: AbortSignal) => {
    const response = await fetch(resolve(endpoint.host), {
      method: 'POST',
      redirect: 'error',
      signal,
      // Without it STS answers in XML. It need not be signed.
      headers: { ...Object.fromEntries(headers), accept: 'application/json' },
      body: STS_BODY,
    });
    return { response, text: await textOf(response, MOST_BYTES) };
  };
  const { response, text } = await withDeadline(exchange, noAnswer, milliseconds).catch((error) => {
    throw unavailable(noAnswer, RETRY_SECONDS, error);
  });
  if (response.status !== 200) throw refusalOf(response, text);
  const identity = parseIdentity(text);
  if (identity?.partition !== endpoint.partition) {
    throw unavailable(`${endpoint.host} answered something that is no caller identity`);
  }
  const { account, arn, userId } = identity;
  return { account, arn, userId };
}

const identityAnswer = z.object({
  GetCallerIdentityResponse: z.object({
    GetCallerIdentityResult: z.object({
      Account: z.string(),
      Arn: z.string(),
      UserId: z.string().check(z.regex(/^[\w+=,.@:-]{1,200}$/)),
    }),
  }),
});

function parseIdentity(text: string) {
  const parsed = parseJsonWith(identityAnswer, text);
  if (!parsed.ok) return undefined;
  const { Account, Arn, UserId } = parsed.value.GetCallerIdentityResponse.GetCallerIdentityResult;
  const arn = parseCallerArn(Arn);
  return arn?.account === Account ? { ...arn, arn: Arn, userId: UserId } : undefined;
}

const errorAnswer = z.object({
  Error: z.object({ Code: z.string().check(z.regex(/^[A-Za-z.]{1,64}$/)) }),
});

/** What the operator reads behind STS's own code. */
const IN_WORDS: Readonly<Record<string, string>> = {
  ExpiredToken: "the machine's credentials have expired",
  ExpiredTokenException: "the machine's credentials have expired",
  InvalidClientTokenId:
    'AWS knows no such credentials: they were withdrawn, or the account has not enabled this region',
  SignatureDoesNotMatch:
    "the signature is not by the key that it names, or the machine's clock is off",
};

/** STS answers 400 when it throttles; every other 4xx is its verdict on the signature. */
function refusalOf({ status, headers }: Response, text: string): Refusal {
  const parsed = parseJsonWith(errorAnswer, text);
  const code = parsed.ok ? parsed.value.Error.Code : '';
  const throttled = status === 429 || (status === 400 && /^(?:Throttling|RequestLimit)/.test(code));
  if (throttled || status < 400 || status >= 500) {
    return unavailable(`STS answered with status ${status}`, retryAfter(headers));
  }
  const why = Object.hasOwn(IN_WORDS, code) ? `: ${IN_WORDS[code]}` : '';
  return denied('sts_denied', `STS refused the request with status ${status} ${code}${why}`.trim());
}

function retryAfter(headers: Headers): number {
  const header = headers.get('retry-after') ?? '';
  const seconds = /^\d{1,4}$/.test(header) ? Number(header) : RETRY_SECONDS;
  return Math.min(Math.max(seconds, 1), 120);
}
