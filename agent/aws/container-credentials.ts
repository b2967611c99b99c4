/** AWS credentials of a container (ECS, EKS Pod Identity), from the endpoint that its environment names. */
import { readFile } from 'node:fs/promises';
import { isLoopback } from '../../shared/protocol/loopback.ts';
import { Failure } from '../failure.ts';
import { NoAnswer, textOf } from '../http.ts';
import { printable } from '../printable.ts';
import type { AwsCredentials, CredentialEffects, Environment } from './credentials.ts';
import { parseCredentialsAnswer } from './credentials-answer.ts';
import { askMetadata } from './metadata-http.ts';

const ECS_ORIGIN = 'http://169.254.170.2';
/** What answers there is believed, so it has to be this machine's own: ECS's and EKS's link-local addresses, loopback. */
const HOSTS: readonly string[] = ['169.254.170.2', '169.254.170.23', '[fd00:ec2::23]'];

/** `undefined` where the environment names no endpoint. Throws a `Failure`. */
export async function containerCredentials(
  effects: CredentialEffects,
  env: Environment,
): Promise<AwsCredentials | undefined> {
  const url = endpointOf(env);
  if (url === undefined) return undefined;
  const authorization = await authorizationOf(env);
  const headers = { accept: 'application/json', ...(authorization && { authorization }) };
  const answer = await askMetadata(effects, { method: 'GET', url, headers });
  if (answer instanceof NoAnswer) {
    const message = `the container's credentials endpoint can't be reached: ${answer.message}. Check AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and AWS_CONTAINER_CREDENTIALS_FULL_URI`;
    throw new Failure('metadata', message, { cause: answer });
  }
  if (answer.status !== 200) {
    const message = `the container's credentials endpoint gave no credentials: status ${answer.status}. Check that the task or pod has a role`;
    throw new Failure('credentials', message);
  }
  const credentials = parseCredentialsAnswer(textOf(answer));
  if (credentials) return credentials;
  const message = "the container's credentials are not of the form that AWS documents";
  throw new Failure('metadata', message);
}

function endpointOf(env: Environment): string | undefined {
  const relative = env['AWS_CONTAINER_CREDENTIALS_RELATIVE_URI'];
  if (relative) {
    if (/^\/[\x21-\x7e]{0,512}$/.test(relative)) return `${ECS_ORIGIN}${relative}`;
    const message = `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: expected a path, got ${printable(relative)}`;
    throw new Failure('config', message);
  }
  const full = env['AWS_CONTAINER_CREDENTIALS_FULL_URI'];
  if (!full) return undefined;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  const own = url && (isLoopback(url.hostname) || HOSTS.includes(url.hostname));
  if (own && url.protocol === 'http:' && url.username === '' && url.password === '')
    return url.href;
  const message = `AWS_CONTAINER_CREDENTIALS_FULL_URI: expected an http:// address on loopback or one of ${HOSTS.join(', ')}, got ${printable(full)}`;
  throw new Failure('config', message);
}

async function authorizationOf(env: Environment): Promise<string | undefined> {
  const file = env['AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE'];
  const token = file ? await readToken(file) : env['AWS_CONTAINER_AUTHORIZATION_TOKEN'];
  if (!token) return undefined;
  if (/^[\x20-\x7e]{1,8192}$/.test(token)) return token;
  const message = `${file ? 'the file of AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE' : 'AWS_CONTAINER_AUTHORIZATION_TOKEN'} has characters that no token has`;
  throw new Failure('config', message);
}

async function readToken(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    const message = `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: ${printable(file)} can't be read (${code})`;
    throw new Failure('files', message, { cause: error });
  }
}
