/**
 * Where a container of ECS or EKS gets its role's credentials:
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
 */
import { formatTimestamp } from '../../../shared/protocol/values.ts';
import type { AwsCredentials } from '../credentials.ts';

export interface ContainerCredentialsOptions {
  /** The task's own path. */
  readonly path: string;
  /** What a caller must say in `Authorization`; nothing where the address itself is only the task's. */
  readonly authorization: string;
  readonly roleArn: string;
  readonly credentials: () => AwsCredentials;
}

export function createContainerCredentials(options: ContainerCredentialsOptions) {
  return (request: Request, path: string): Response => {
    if (path !== options.path || request.method !== 'GET') {
      return error(404, 'InvalidIdInRequest', 'CredentialsV2Request: Credentials not found');
    }
    if (request.headers.get('authorization') !== options.authorization) {
      return error(401, 'AccessDenied', 'Unauthorized');
    }
    const { accessKeyId, secretAccessKey, sessionToken, expires } = options.credentials();
    return Response.json({
      RoleArn: options.roleArn,
      AccessKeyId: accessKeyId,
      SecretAccessKey: secretAccessKey,
      Token: sessionToken,
      Expiration: expires && formatTimestamp(expires),
    });
  };
}

const error = (status: number, code: string, message: string): Response =>
  Response.json({ code, message, HTTPErrorCode: status }, { status });
