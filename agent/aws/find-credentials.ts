/** The machine's AWS credentials: where they are looked for, in which order, and whether they are still good. */
import { Failure } from '../failure.ts';
import { containerCredentials } from './container-credentials.ts';
import type { CredentialEffects, Environment, FoundCredentials } from './credentials.ts';
import { environmentCredentials } from './environment-credentials.ts';
import { instanceCredentials } from './instance-credentials.ts';

/**
 * In AWS's own order: environment, container (ECS, EKS Pod Identity), instance (EC2). A simulated instance comes before
 * all, so that nobody's real credentials sign for a test. Throws a `Failure`.
 */
export async function findCredentials(
  at: Date,
  effects: CredentialEffects,
  env: Environment,
): Promise<FoundCredentials> {
  const found = await firstFound(effects, env);
  const { expires } = found.credentials;
  if (expires && expires <= at) {
    const message = `the machine's AWS credentials expired at ${expires.toISOString()}: renew them, or check the machine's clock`;
    throw new Failure('credentials', message);
  }
  return found;
}

async function firstFound(effects: CredentialEffects, env: Environment): Promise<FoundCredentials> {
  const region = env['AWS_REGION'] || env['AWS_DEFAULT_REGION'] || undefined;
  if (!env['JOINBOT_AWS_IMDS_URL']) {
    const credentials = environmentCredentials(env) ?? (await containerCredentials(effects, env));
    if (credentials) return { credentials, region };
    refuseWebIdentity(env);
  }
  return instanceCredentials(effects, env, region);
}

/** Going on would find the node's own role: another identity than the pod is meant to have. */
function refuseWebIdentity(env: Environment): void {
  if (!env['AWS_WEB_IDENTITY_TOKEN_FILE']) return;
  const message =
    'AWS_WEB_IDENTITY_TOKEN_FILE is set, and joinbot does not exchange web identities for credentials: use EKS Pod Identity, or put credentials into the environment';
  throw new Failure('config', message);
}
