/**
 * Checks a request's AWS Signature Version 4 as AWS does, from the documents and with nothing of the broker's own code:
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { CredentialStore, Principal } from './credentials.ts';

/** A request as it came over the wire. */
export interface SignedRequest {
  readonly method: string;
  readonly path: string;
  /** By their names in lower case, `host` among them. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

export interface SigningScope {
  readonly region: string;
  readonly service: string;
}

/** AWS's own code and message, and the status that it comes with. */
export interface SignatureError {
  readonly status: 400 | 403;
  readonly code:
    | 'ExpiredToken'
    | 'IncompleteSignature'
    | 'InvalidClientTokenId'
    | 'MissingAuthenticationToken'
    | 'SignatureDoesNotMatch';
  readonly message: string;
}

export type SignatureVerdict =
  | { readonly good: true; readonly principal: Principal }
  | { readonly good: false; readonly error: SignatureError };

const WINDOW_MS = 15 * 60_000;
const WINDOW = '15 min.';

export function checkSignature(
  request: SignedRequest,
  scope: SigningScope,
  credentials: CredentialStore,
  now: Date,
): SignatureVerdict {
  const header = request.headers.get('authorization');
  if (header === undefined) {
    return refuse('MissingAuthenticationToken', 'Request is missing Authentication Token');
  }
  const parts = parseAuthorization(header);
  const date = request.headers.get('x-amz-date');
  if (!parts || date === undefined) {
    return refuse(
      'IncompleteSignature',
      `Authorization header requires existence of all its parameters and of 'X-Amz-Date'. Authorization=${header.slice(0, 20)}`,
      400,
    );
  }
  const { accessKeyId, scopeParts, signedHeaders, signature } = parts;

  const known = credentials.find(accessKeyId);
  const token = request.headers.get('x-amz-security-token');
  if (!known || known.sessionToken !== token) {
    return refuse('InvalidClientTokenId', 'The security token included in the request is invalid.');
  }
  if (known.expires && known.expires <= now) {
    return refuse('ExpiredToken', 'The security token included in the request is expired');
  }

  const problem =
    scopeProblem(scopeParts, scope, date) ??
    signedHeadersProblem(request.headers, signedHeaders) ??
    dateProblem(date, now);
  if (problem !== undefined) return refuse('SignatureDoesNotMatch', problem);

  const expected = signatureOf(request, signedHeaders, date, scopeParts, known.secretAccessKey);
  const got = Buffer.from(signature, 'hex');
  return got.length === expected.length && timingSafeEqual(got, expected)
    ? { good: true, principal: known.principal }
    : refuse(
        'SignatureDoesNotMatch',
        'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
      );
}

const refuse = (
  code: SignatureError['code'],
  message: string,
  status: SignatureError['status'] = 403,
): SignatureVerdict => ({ good: false, error: { status, code, message } });

function parseAuthorization(header: string) {
  const [algorithm, ...rest] = header.split(' ');
  if (algorithm !== 'AWS4-HMAC-SHA256') return undefined;
  const fields = new Map(
    rest
      .join('')
      .split(',')
      .map((field) => {
        const at = field.indexOf('=');
        return [field.slice(0, at), field.slice(at + 1)] as const;
      }),
  );
  const credential = fields.get('Credential')?.split('/') ?? [];
  const signedHeaders = fields.get('SignedHeaders')?.split(';');
  const signature = fields.get('Signature');
  const [accessKeyId, ...scopeParts] = credential;
  if (!accessKeyId || scopeParts.length !== 4 || !signedHeaders || !signature) return undefined;
  return { accessKeyId, scopeParts, signedHeaders, signature };
}

function scopeProblem(
  [date, region, service, end]: readonly string[],
  scope: SigningScope,
  amzDate: string,
): string | undefined {
  if (date !== amzDate.slice(0, 8)) {
    return `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${date}' != '${amzDate.slice(0, 8)}', from '${amzDate}'.`;
  }
  if (region !== scope.region) return 'Credential should be scoped to a valid region.';
  if (service !== scope.service) {
    return `Credential should be scoped to correct service: '${scope.service}'.`;
  }
  return end === 'aws4_request'
    ? undefined
    : "Credential should be scoped with a valid terminator: 'aws4_request'.";
}

/** The host and everything of AWS's own has to be signed; what is named as signed has to be there. */
function signedHeadersProblem(
  headers: ReadonlyMap<string, string>,
  signed: readonly string[],
): string | undefined {
  if (!signed.includes('host')) {
    return "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.";
  }
  const unsigned = [...headers.keys()].find(
    (name) => name.startsWith('x-amz-') && !signed.includes(name),
  );
  if (unsigned !== undefined)
    return `'${unsigned}' must be a 'SignedHeader' in the AWS Authorization.`;
  const absent = signed.find((name) => !headers.has(name));
  return absent === undefined ? undefined : `The header '${absent}' is signed but absent.`;
}

function dateProblem(amzDate: string, now: Date): string | undefined {
  const time = Date.parse(
    amzDate.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'),
  );
  if (Number.isNaN(time)) return `Date must be in ISO-8601 'basic format'. Got '${amzDate}'.`;
  const age = now.getTime() - time;
  if (Math.abs(age) <= WINDOW_MS) return undefined;
  const limit = basic(new Date(now.getTime() - Math.sign(age) * WINDOW_MS));
  return age > 0
    ? `Signature expired: ${amzDate} is now earlier than ${limit} (${basic(now)} - ${WINDOW})`
    : `Signature not yet current: ${amzDate} is still later than ${limit} (${basic(now)} + ${WINDOW})`;
}

/** A time as SigV4 writes it: `20261120T190500Z`. */
const basic = (time: Date): string => `${time.toISOString().slice(0, 19).replace(/[:-]/g, '')}Z`;

function signatureOf(
  { method, path, headers, body }: SignedRequest,
  signedHeaders: readonly string[],
  date: string,
  scope: readonly string[],
  secret: string,
): Buffer {
  const canonicalHeaders = signedHeaders.map(
    (name) => `${name}:${(headers.get(name) ?? '').trim().replace(/ +/g, ' ')}\n`,
  );
  const canonicalRequest = [
    method,
    path,
    '',
    canonicalHeaders.join(''),
    signedHeaders.join(';'),
    sha256(body),
  ].join('\n');
  const stringToSign = ['AWS4-HMAC-SHA256', date, scope.join('/'), sha256(canonicalRequest)];
  const key = scope.reduce<string | Buffer>(hmac, `AWS4${secret}`);
  return hmac(key, stringToSign.join('\n'));
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer =>
  createHmac('sha256', key).update(text).digest();
