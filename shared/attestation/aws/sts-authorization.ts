/** The Authorization header of AWS Signature Version 4, in the one form that the libraries write. */
import { malformed } from './sts-message.ts';

/** What the signature says that it covers. Nothing here is verified: STS alone can do that. */
export interface StsAuthorization {
  readonly accessKeyId: string;
  /** Of the credential scope: `20261120`. */
  readonly date: string;
  readonly region: string;
  /** In the order in which they are listed. */
  readonly signedHeaders: readonly string[];
}

const FORM =
  /^AWS4-HMAC-SHA256 Credential=(?<key>[A-Z0-9]{16,128})\/(?<date>\d{8})\/(?<region>[a-z0-9-]{1,32})\/sts\/aws4_request, SignedHeaders=(?<names>[a-z0-9-]{1,64}(?:;[a-z0-9-]{1,64}){0,15}), Signature=[0-9a-f]{64}$/;

/** Throws a `Refusal` where the header is absent or in another form. */
export function parseStsAuthorization(header: string | undefined): StsAuthorization {
  const found = FORM.exec(header ?? '')?.groups;
  if (!found) throw malformed('expected Authorization with AWS4-HMAC-SHA256, for the service sts');
  return {
    accessKeyId: `${found['key']}`,
    date: `${found['date']}`,
    region: `${found['region']}`,
    signedHeaders: `${found['names']}`.split(';'),
  };
}
