/** A good signed request of a machine of a simulated AWS, and the ways in which tests change it. */
import { signedStsRequest } from '../../../../agent/aws/signature.ts';
import { createAwsCloud } from '../../../../local/aws/cloud.ts';
import {
  examineStsRequest,
  type StsRequest,
} from '../../../../shared/attestation/aws/sts-request.ts';
import { encodeBase64 } from '../../../../shared/encoding/base64.ts';
import { requestDigest } from '../../../../shared/protocol/join.ts';
import { GLOBAL_STS, type StsEndpoint } from '../../../../shared/protocol/sts.ts';
import { Refusal } from '../../../../shared/refusal.ts';

export const NOW = new Date('2026-11-20T19:05:00Z');
export const DIGEST = requestDigest('{"id":"a join request"}');
export const OTHER_DIGEST = requestDigest('{"id":"another one"}');

export const secondsLater = (seconds: number): Date => new Date(NOW.getTime() + seconds * 1000);

/** An AWS with one machine, its credentials and requests. */
export function smallAws(now: () => Date = () => NOW) {
  const cloud = createAwsCloud({ now });
  const account = cloud.account('111111111111');
  const role = account.role('teleport-bot-role');
  const credentials = role.session('i-0abcdef1234567890');
  const sign = (
    options: {
      readonly endpoint?: StsEndpoint;
      readonly digest?: string;
      readonly at?: Date;
      readonly credentials?: typeof credentials;
    } = {},
  ): string =>
    signedStsRequest(
      options.endpoint ?? GLOBAL_STS,
      options.digest ?? DIGEST,
      options.at ?? NOW,
      options.credentials ?? credentials,
    );
  return { cloud, account, role, credentials, sign };
}

export const textOf = (request: string): string =>
  Buffer.from(request, 'base64').toString('latin1');
export const requestOf = (text: string): string => encodeBase64(Buffer.from(text, 'latin1'));

/** Adds a signed header: to the headers, and to the names that are signed, which stay sorted. */
export const withSignedHeader =
  (name: string, value: string) =>
  (text: string): string =>
    text
      .replace('\r\nAuthorization: ', `\r\n${name}: ${value}\r\nAuthorization: `)
      .replace(/SignedHeaders=([^,]*)/, (_, names: string) => {
        return `SignedHeaders=${[...names.split(';'), name.toLowerCase()].toSorted().join(';')}`;
      });

/** Takes a header and its name away. */
export const withoutHeader =
  (name: string) =>
  (text: string): string =>
    text
      .replace(new RegExp(`\r\n${name}: [^\r]*`, 'i'), '')
      .replace(/SignedHeaders=([^,]*)/, (_, names: string) => {
        return `SignedHeaders=${names
          .split(';')
          .filter((one) => one !== name)
          .join(';')}`;
      });

export const examine = (request: string, at = NOW): StsRequest =>
  examineStsRequest(request, { digest: DIGEST, at });

/** `reason: message`, or `code: message`, of what is refused; `accepted` otherwise. */
export function refusalOf(act: () => unknown): string {
  try {
    act();
    return 'accepted';
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return `${error.reason ?? error.code}: ${error.message}`;
  }
}

export async function refusalOfAnswer(answer: Promise<unknown>): Promise<string> {
  try {
    await answer;
    return 'accepted';
  } catch (error) {
    return refusalOf(() => {
      throw error;
    });
  }
}
