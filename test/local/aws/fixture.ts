/** A small simulated AWS on a frozen clock, and requests that are signed for its STS with a test's own code. */
import { createHash, createHmac } from 'node:crypto';
import { createAwsCloud } from '../../../local/aws/cloud.ts';
import type { AwsCredentials } from '../../../local/aws/credentials.ts';

export const NOW = new Date('2026-11-20T19:05:00Z');

export function smallAws(now: () => Date = () => NOW) {
  const cloud = createAwsCloud({ now });
  const account = cloud.account('111111111111');
  const instance = account.instance('ec2', { role: 'bot-role', instanceId: 'i-0abcdef1234567890' });
  const task = account.task('ecs', { role: 'bot-role' });
  return { cloud, account, instance, task };
}

export interface SigningOptions {
  readonly host?: string;
  readonly path?: string;
  readonly method?: string;
  readonly body?: string;
  readonly date?: string;
  readonly scope?: string;
  readonly accept?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Names that are left out of the signature. */
  readonly unsigned?: readonly string[];
  readonly change?: (authorization: string) => string;
}

const BODY = 'Action=GetCallerIdentity&Version=2011-06-15';

/** A signed request, step by step as AWS's documents say. */
export function signedRequest(
  { accessKeyId, secretAccessKey, sessionToken }: AwsCredentials,
  options: SigningOptions = {},
): Request {
  const { host = 'sts.amazonaws.com', path = '/', method = 'POST', body = BODY } = options;
  const { date = '20261120T190500Z', unsigned = [], change = (text) => text } = options;
  const { scope = `${date.slice(0, 8)}/us-east-1/sts/aws4_request` } = options;
  const headers: Record<string, string> = {
    host,
    'x-amz-date': date,
    ...(sessionToken !== undefined && { 'x-amz-security-token': sessionToken }),
    ...options.headers,
  };
  const names = Object.keys(headers)
    .filter((name) => !unsigned.includes(name))
    .toSorted();
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
  const canonical = [
    method,
    path,
    '',
    ...names.map((name) => `${name}:${headers[name]}`),
    '',
    names.join(';'),
    sha256(body),
  ].join('\n');
  const text = ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n');
  let key: string | Buffer = `AWS4${secretAccessKey}`;
  for (const part of [...scope.split('/'), text]) {
    key = createHmac('sha256', key).update(part).digest();
  }
  const signature = Buffer.from(key).toString('hex');
  const authorization = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
  const { host: _, ...sent } = headers;
  return new Request(`https://${host}${path}`, {
    method,
    body: method === 'GET' ? null : body,
    headers: {
      ...sent,
      accept: options.accept ?? 'application/json',
      authorization: change(authorization),
    },
  });
}
