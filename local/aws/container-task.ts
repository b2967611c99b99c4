/** A container of ECS: a session of its task's role, and the endpoint that hands out its credentials. */
import { randomBytes, randomUUID } from 'node:crypto';
import { createFaultSwitch, type FaultSwitch } from '../azure/services/faults.ts';
import { createService } from '../azure/services/service.ts';
import { renewedCredentials } from './renewed-credentials.ts';
import type { AwsRole } from './role.ts';
import { createContainerCredentials } from './services/container-credentials.ts';
import type { AwsWorld } from './world.ts';

export interface TaskOptions {
  /** The name of the task's role. */
  readonly role: string;
  readonly region?: string;
}

export interface ContainerTask {
  readonly name: string;
  /** The name of the role's session: 32 hex digits. */
  readonly taskId: string;
  readonly role: AwsRole;
  /** The endpoint that hands out credentials. */
  metadata(request: Request): Promise<Response>;
  readonly faults: FaultSwitch;
  /** The environment of a process in the container, with the endpoint at this address. */
  env(address: string): Readonly<Record<string, string>>;
}

export function createContainerTask(
  world: AwsWorld,
  name: string,
  role: AwsRole,
  { region = 'us-east-1' }: TaskOptions,
): ContainerTask {
  const taskId = randomBytes(16).toString('hex');
  const path = `/v2/credentials/${randomUUID()}`;
  const authorization = randomBytes(24).toString('base64url');
  const faults = createFaultSwitch();
  const current = renewedCredentials(world.now);
  const service = createService({
    name: 'container_credentials',
    calls: world.calls,
    faults,
    answer: createContainerCredentials({
      path,
      authorization,
      roleArn: role.arn,
      credentials: () => current(role, taskId),
    }),
    errorBody: (status) => ({ status }),
  });
  return {
    name,
    taskId,
    role,
    metadata: (request) => service(request, new URL(request.url).pathname),
    faults,
    env: (address) => ({
      AWS_REGION: region,
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${address}${path}`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN: authorization,
    }),
  };
}
