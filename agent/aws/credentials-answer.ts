/** Credentials as AWS's metadata services answer them, in JSON. */
import * as z from 'zod/mini';
import { parseJsonWith } from '../../shared/protocol/schema.ts';
import { parseTimestamp, timestamp } from '../../shared/protocol/values.ts';
import type { AwsCredentials } from './credentials.ts';

const credentialsAnswer = z.object({
  AccessKeyId: z.string().check(z.regex(/^[A-Z0-9]{16,128}$/)),
  SecretAccessKey: z.string().check(z.regex(/^[\x21-\x7e]{16,128}$/)),
  Token: z.string().check(z.regex(/^[\x21-\x7e]{16,8192}$/)),
  Expiration: timestamp,
});

/** `undefined` if the text is no such answer. */
export function parseCredentialsAnswer(text: string): AwsCredentials | undefined {
  const parsed = parseJsonWith(credentialsAnswer, text);
  if (!parsed.ok) return undefined;
  const { AccessKeyId, SecretAccessKey, Token, Expiration } = parsed.value;
  const expires = parseTimestamp(Expiration);
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    sessionToken: Token,
    ...(expires && { expires }),
  };
}
