/** Signs the `GetCallerIdentity` request (AWS Signature Version 4). Loaded on first use: it brings the library along. */
import aws4 from 'aws4';
import { encodeBase64 } from '../../shared/encoding/base64.ts';
import {
  DIGEST_HEADER,
  STS_BODY,
  STS_CONTENT_TYPE,
  type StsEndpoint,
} from '../../shared/protocol/sts.ts';
import type { AwsCredentials } from './credentials.ts';

/** `iam.sts_request`: base64 of the request's text, with every header signed. */
export function signedStsRequest(
  endpoint: StsEndpoint,
  digest: string,
  at: Date,
  { accessKeyId, secretAccessKey, sessionToken }: AwsCredentials,
): string {
  const { headers } = aws4.sign(
    {
      service: 'sts',
      region: endpoint.region,
      method: 'POST',
      path: '/',
      headers: {
        Host: endpoint.host,
        'Content-Type': STS_CONTENT_TYPE,
        'X-Amz-Date': `${at.toISOString().slice(0, 19).replace(/[:-]/g, '')}Z`,
        [DIGEST_HEADER]: digest,
      },
      body: STS_BODY,
    },
    { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) },
  );
  const lines = Object.entries(headers ?? {}).map(([name, value]) => `${name}: ${value}`);
  const text = ['POST / HTTP/1.1', ...lines, '', STS_BODY].join('\r\n');
  return encodeBase64(Buffer.from(text, 'latin1'));
}
