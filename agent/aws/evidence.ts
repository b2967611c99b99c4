/** What a machine of AWS proves itself with: a request to AWS that it signed, and that the broker sends. */
import type { IamEvidence } from '../../shared/protocol/evidence.ts';
import { GLOBAL_STS, regionalSts, type StsEndpoint } from '../../shared/protocol/sts.ts';
import { Failure } from '../failure.ts';
import { printable } from '../printable.ts';
import type { CredentialEffects, Environment } from './credentials.ts';
import { findCredentials } from './find-credentials.ts';

/**
 * `digest` is that of the join's request (`requestDigest`); `at` the time to sign with, corrected where the machine's clock
 * is off. Throws a `Failure` that says what to do.
 */
export async function awsEvidence(
  digest: string,
  at: Date,
  effects: CredentialEffects,
  env: Environment,
): Promise<IamEvidence> {
  const { credentials, region } = await findCredentials(at, effects, env);
  const endpoint = endpointFor(region, env);
  const { signedStsRequest } = await import('./signature.ts');
  return { sts_request: signedStsRequest(endpoint, digest, at, credentials) };
}

/** STS of the machine's own region answers sooner, and while others are down. */
function endpointFor(region: string | undefined, env: Environment): StsEndpoint {
  const fipsOnly = env['AWS_USE_FIPS_ENDPOINT']?.toLowerCase() === 'true';
  if (region === undefined && !fipsOnly) return GLOBAL_STS;
  const wanted = region ?? GLOBAL_STS.region;
  const endpoint = regionalSts(wanted, fipsOnly);
  if (endpoint) return endpoint;
  const kind = fipsOnly ? 'a FIPS endpoint of STS' : 'STS';
  const message = `joinbot knows no region ${printable(wanted)} with ${kind}: set AWS_REGION to us-east-1, which signs for machines anywhere in AWS, or update joinbot`;
  throw new Failure('config', message);
}
