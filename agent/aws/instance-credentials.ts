/** AWS credentials of an EC2 instance's role, from its metadata service, version 2 (IMDSv2) only. */
import * as z from 'zod/mini';
import { parseJsonWith } from '../../shared/protocol/schema.ts';
import { simulatedMetadataService } from '../addresses.ts';
import { Failure } from '../failure.ts';
import { type HttpAnswer, NoAnswer, textOf } from '../http.ts';
import { printable } from '../printable.ts';
import type { CredentialEffects, Environment, FoundCredentials } from './credentials.ts';
import { parseCredentialsAnswer } from './credentials-answer.ts';
import { askMetadata } from './metadata-http.ts';

const METADATA_SERVICE = 'http://169.254.169.254';
const CREDENTIALS = '/latest/meta-data/iam/security-credentials/';
/** Of the session with the service; a join needs it for three questions. */
const SESSION_SECONDS = '60';

/** `region` as the environment has it. Throws a `Failure`. */
export async function instanceCredentials(
  effects: CredentialEffects,
  env: Environment,
  region: string | undefined,
): Promise<FoundCredentials> {
  if (env['AWS_EC2_METADATA_DISABLED']?.toLowerCase() === 'true') {
    const message =
      'no AWS credentials: the environment has none, and AWS_EC2_METADATA_DISABLED forbids to ask the instance';
    throw new Failure('credentials', message);
  }
  const simulated = env['JOINBOT_AWS_IMDS_URL'];
  const base = simulated
    ? simulatedMetadataService(simulated, 'JOINBOT_AWS_IMDS_URL')
    : METADATA_SERVICE;
  const session = await openSession(base, effects);
  const ask = async (path: string): Promise<HttpAnswer> => {
    const headers = { 'x-aws-ec2-metadata-token': session };
    const answer = await askMetadata(effects, { method: 'GET', url: `${base}${path}`, headers });
    if (answer instanceof NoAnswer) throw unreachable(base, answer);
    return answer;
  };

  const role = await roleOf(ask);
  const answer = await ask(CREDENTIALS + role);
  const credentials = answer.status === 200 ? parseCredentialsAnswer(textOf(answer)) : undefined;
  if (!credentials) throw noCredentials(role, answer);
  return { credentials, region: region ?? (await regionOf(ask)) };
}

async function openSession(base: string, effects: CredentialEffects): Promise<string> {
  const headers = { 'x-aws-ec2-metadata-token-ttl-seconds': SESSION_SECONDS };
  const url = `${base}/latest/api/token`;
  const answer = await askMetadata(effects, { method: 'PUT', url, headers });
  if (answer instanceof NoAnswer) throw unreachable(base, answer);
  const token = textOf(answer);
  if (answer.status === 200 && /^[\x21-\x7e]{1,256}$/.test(token)) return token;
  const message =
    answer.status === 403
      ? "this instance's metadata service is switched off: enable it in the instance's metadata options"
      : `what answers at ${base} is not EC2's metadata service, version 2 (status ${answer.status}). Join method iam works on EC2 instances, in containers of ECS or EKS, or with AWS credentials in the environment`;
  throw new Failure('metadata', message);
}

type Ask = (path: string) => Promise<HttpAnswer>;

async function roleOf(ask: Ask): Promise<string> {
  const answer = await ask(CREDENTIALS);
  const role = textOf(answer).trim();
  if (answer.status === 200 && /^[\w+=,.@-]{1,64}$/.test(role)) return role;
  if (answer.status === 404 || (answer.status === 200 && role === '')) {
    const message =
      'this instance has no role, so it has no AWS credentials: attach an instance profile with a role to it (the role needs no permissions)';
    throw new Failure('credentials', message);
  }
  const message = `the metadata service did not name the instance's role: status ${answer.status}`;
  throw new Failure('metadata', message);
}

const refusal = z.object({ Code: z.string() });

/** The service says with status 200, too, that it has no credentials. */
function noCredentials(role: string, answer: HttpAnswer): Failure {
  const parsed = parseJsonWith(refusal, textOf(answer));
  const code = parsed.ok ? parsed.value.Code : '';
  if (answer.status !== 200 || code === '' || code === 'Success') {
    const message = `the metadata service gave no usable credentials of role ${role}: status ${answer.status}`;
    return new Failure('metadata', message);
  }
  const message = `EC2 can't get credentials of role ${role} (${printable(code, 64)}): check that the role exists and that its trust policy lets ec2.amazonaws.com assume it`;
  return new Failure('credentials', message);
}

async function regionOf(ask: Ask): Promise<string | undefined> {
  const answer = await ask('/latest/meta-data/placement/region');
  const region = textOf(answer).trim();
  return answer.status === 200 && /^[a-z0-9-]{1,32}$/.test(region) ? region : undefined;
}

function unreachable(base: string, cause: NoAnswer): Failure {
  const message = `EC2's metadata service at ${base} can't be reached: ${cause.message}. On an EC2 instance, enable it in the instance's metadata options (in a container the hop limit has to be 2 or more); elsewhere, put AWS credentials into the environment`;
  return new Failure('metadata', message, { cause });
}
