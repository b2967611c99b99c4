/**
 * An EC2 instance's metadata service, version 2 only (IMDSv2), with the manners of the real one:
 * https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
 */
import { randomBytes } from 'node:crypto';
import { formatTimestamp } from '../../../shared/protocol/values.ts';
import type { AwsCredentials } from '../credentials.ts';

export interface InstanceMetadataOptions {
  readonly now: () => Date;
  readonly instanceId: string;
  readonly region: string;
  /** The name of the role that is attached, if one is. */
  readonly role: () => string | undefined;
  readonly credentials: () => AwsCredentials;
  /** `Success`, or why the role's credentials can't be had. */
  readonly code: () => string;
}

const TOKEN_PATH = '/latest/api/token';
const TTL_HEADER = 'x-aws-ec2-metadata-token-ttl-seconds';
const TOKEN_HEADER = 'x-aws-ec2-metadata-token';
const LONGEST_TTL = 21_600;
const CREDENTIALS = '/latest/meta-data/iam/security-credentials/';

export function createInstanceMetadata(options: InstanceMetadataOptions) {
  /** Ends of the tokens' lives. */
  const tokens = new Map<string, number>();
  const seconds = (): number => options.now().getTime() / 1000;

  function newToken(request: Request): Response {
    if (request.headers.has('x-forwarded-for')) return status(403, 'Forbidden');
    const written = request.headers.get(TTL_HEADER) ?? '';
    const ttl = /^\d{1,5}$/.test(written) ? Number(written) : 0;
    if (ttl < 1 || ttl > LONGEST_TTL) return status(400, 'Bad Request');
    const token = randomBytes(42).toString('base64');
    tokens.set(token, seconds() + ttl);
    return new Response(token, {
      headers: { 'content-type': 'text/plain', [TTL_HEADER]: written },
    });
  }

  return (request: Request, path: string): Response => {
    if (path === TOKEN_PATH) {
      return request.method === 'PUT' ? newToken(request) : status(405, 'Not Allowed');
    }
    if (request.method !== 'GET') return status(405, 'Not Allowed');
    const token = request.headers.get(TOKEN_HEADER) ?? '';
    if ((tokens.get(token) ?? 0) <= seconds()) return status(401, 'Unauthorized');

    const role = options.role();
    if (path === '/latest/meta-data/instance-id') return text(options.instanceId);
    if (path === '/latest/meta-data/placement/region') return text(options.region);
    if (role === undefined) return status(404, 'Not Found');
    if (path === CREDENTIALS || `${path}/` === CREDENTIALS) return text(role);
    if (path === CREDENTIALS + role) return text(credentialsAnswer(options));
    return status(404, 'Not Found');
  };
}

function credentialsAnswer({ now, credentials, code }: InstanceMetadataOptions): string {
  const lastUpdated = formatTimestamp(now());
  if (code() !== 'Success') {
    const message = 'EC2 cannot assume the role.';
    return JSON.stringify({ Code: code(), Message: message, LastUpdated: lastUpdated }, null, 2);
  }
  const { accessKeyId, secretAccessKey, sessionToken, expires } = credentials();
  return JSON.stringify(
    {
      Code: 'Success',
      LastUpdated: lastUpdated,
      Type: 'AWS-HMAC',
      AccessKeyId: accessKeyId,
      SecretAccessKey: secretAccessKey,
      Token: sessionToken,
      Expiration: expires && formatTimestamp(expires),
    },
    null,
    2,
  );
}

const text = (body: string): Response =>
  new Response(body, { headers: { 'content-type': 'text/plain' } });

const status = (code: number, title: string): Response =>
  new Response(
    `<?xml version="1.0" encoding="iso-8859-1"?>
<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">
 <head><title>${code} - ${title}</title></head>
 <body><h1>${code} - ${title}</h1></body>
</html>
`,
    { status: code, headers: { 'content-type': 'text/html' } },
  );
