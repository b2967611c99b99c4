/** AWS credentials in environment variables. */
import { parseTimestamp } from '../../shared/protocol/values.ts';
import { Failure } from '../failure.ts';
import type { AwsCredentials, Environment } from './credentials.ts';

/** `undefined` where there are none. */
export function environmentCredentials(env: Environment): AwsCredentials | undefined {
  const accessKeyId = env['AWS_ACCESS_KEY_ID'];
  const secretAccessKey = env['AWS_SECRET_ACCESS_KEY'];
  if (!accessKeyId && !secretAccessKey) return undefined;
  if (!accessKeyId || !secretAccessKey) {
    const absent = accessKeyId ? 'AWS_SECRET_ACCESS_KEY' : 'AWS_ACCESS_KEY_ID';
    const message = `${absent} is not set: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY go together`;
    throw new Failure('config', message);
  }
  const sessionToken = env['AWS_SESSION_TOKEN'];
  // Written by `aws configure export-credentials`.
  const expires = parseTimestamp((env['AWS_CREDENTIAL_EXPIRATION'] ?? '').replace('+00:00', 'Z'));
  return {
    accessKeyId,
    secretAccessKey,
    ...(sessionToken && { sessionToken }),
    ...(expires && { expires }),
  };
}
