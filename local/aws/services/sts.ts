/**
 * AWS's Security Token Service as far as `GetCallerIdentity` goes, on all of its hosts, with its answers and errors:
 * https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
 */
import { randomUUID } from 'node:crypto';
import { STS_ENDPOINTS } from '../../../shared/protocol/sts.ts';
import type { CredentialStore, Principal } from '../credentials.ts';
import { checkSignature, type SignedRequest } from '../signature-v4.ts';

/** What STS says in place of the truth. */
export interface StsBends {
  readonly identity?: Partial<Principal>;
  /** Spaces behind a good answer. */
  readonly padding?: number;
  /** The whole answer. */
  readonly body?: string;
}

export interface StsOptions {
  readonly now: () => Date;
  readonly credentials: CredentialStore;
  readonly bends: () => StsBends;
}

const VERSION = '2011-06-15';
const NAMESPACE = `https://sts.amazonaws.com/doc/${VERSION}/`;

/** Answers `/<host of STS>/…`: so every host is served on one port. */
export function createSts({ now, credentials, bends }: StsOptions) {
  return async (request: Request, path: string): Promise<Response> => {
    const [, host = '', ...rest] = path.split('/');
    const endpoint = STS_ENDPOINTS.get(host);
    if (!endpoint) return new Response(null, { status: 404 });
    const signed = await signedRequestOf(request, host, `/${rest.join('/')}`);
    const json = (request.headers.get('accept') ?? '').includes('application/json');

    const verdict = checkSignature(
      signed,
      { region: endpoint.region, service: 'sts' },
      credentials,
      now(),
    );
    if (!verdict.good) return stsError(verdict.error, json);
    if (verdict.principal.arn.split(':')[1] !== endpoint.partition) {
      const message = 'The security token included in the request is invalid.';
      return stsError({ status: 403, code: 'InvalidClientTokenId', message }, json);
    }
    const form = new URLSearchParams(signed.body);
    const [action, version] = [form.get('Action'), form.get('Version')];
    if (signed.method !== 'POST' || action !== 'GetCallerIdentity' || version !== VERSION) {
      const message = `Could not find operation ${action} for version ${version}`;
      return stsError({ status: 400, code: 'InvalidAction', message }, json);
    }
    const { identity, padding = 0, body } = bends();
    const answer = body ?? identityAnswer({ ...verdict.principal, ...identity }, json);
    return answered(answer + ' '.repeat(padding), 200, json);
  };
}

async function signedRequestOf(
  request: Request,
  host: string,
  path: string,
): Promise<SignedRequest> {
  const body = await request.text();
  const headers = new Map(request.headers);
  headers.set('host', host);
  headers.set('content-length', `${Buffer.byteLength(body)}`);
  return { method: request.method, path, headers, body };
}

function identityAnswer({ account, arn, userId }: Principal, json: boolean): string {
  const requestId = randomUUID();
  return json
    ? JSON.stringify({
        GetCallerIdentityResponse: {
          GetCallerIdentityResult: { Account: account, Arn: arn, UserId: userId },
          ResponseMetadata: { RequestId: requestId },
        },
      })
    : `<GetCallerIdentityResponse xmlns="${NAMESPACE}">
  <GetCallerIdentityResult>
    <Arn>${arn}</Arn>
    <UserId>${userId}</UserId>
    <Account>${account}</Account>
  </GetCallerIdentityResult>
  <ResponseMetadata>
    <RequestId>${requestId}</RequestId>
  </ResponseMetadata>
</GetCallerIdentityResponse>
`;
}

export interface StsError {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

export const stsErrorBody = ({ status, code, message }: StsError) => ({
  Error: { Code: code, Message: message, Type: status < 500 ? 'Sender' : 'Receiver' },
  RequestId: randomUUID(),
});

function stsError(error: StsError, json: boolean): Response {
  const body = stsErrorBody(error);
  const { Code, Message, Type } = body.Error;
  const text = json
    ? JSON.stringify(body)
    : `<ErrorResponse xmlns="${NAMESPACE}">
  <Error>
    <Type>${Type}</Type>
    <Code>${Code}</Code>
    <Message>${escaped(Message)}</Message>
  </Error>
  <RequestId>${body.RequestId}</RequestId>
</ErrorResponse>
`;
  return answered(text, error.status, json);
}

const escaped = (text: string): string =>
  text.replace(/[<>&]/g, (character) => `&#${character.codePointAt(0)};`);

const answered = (text: string, status: number, json: boolean): Response =>
  new Response(text, {
    status,
    headers: { 'content-type': json ? 'application/json' : 'text/xml' },
  });
