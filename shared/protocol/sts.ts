/** The signed `GetCallerIdentity` request of join method `iam`: what agent and broker both know of AWS STS. */

/** Characters of base64. The largest part of a signed request is a session token. */
export const MOST_STS_REQUEST = 16_384;

/** The only body that is ever sent to STS. */
export const STS_BODY = 'Action=GetCallerIdentity&Version=2011-06-15';
export const STS_CONTENT_TYPE = 'application/x-www-form-urlencoded; charset=utf-8';

/** The signed header that binds the request to one join: the hex SHA-256 of the proof message. */
export const DIGEST_HEADER = 'x-join-broker-digest';

/** A separate AWS, with accounts of its own: the second part of its ARNs. */
export type AwsPartition = 'aws' | 'aws-cn' | 'aws-us-gov';

export interface StsEndpoint {
  readonly host: string;
  /** The region of the credential scope that the endpoint accepts. */
  readonly region: string;
  readonly partition: AwsPartition;
}

/**
 * AWS's regions, as botocore 1.44.8 lists them (`data/partitions.json`, and `data/endpoints.json` for the FIPS hosts); a
 * test compares. A list and no pattern, so that no other name under Amazon's domains is ever asked. A new region needs a
 * new version here; until then its machines sign for the global endpoint.
 */
const REGIONS: Readonly<Record<AwsPartition, readonly string[]>> = {
  aws: [
    'af-south-1',
    'ap-east-1',
    'ap-east-2',
    'ap-northeast-1',
    'ap-northeast-2',
    'ap-northeast-3',
    'ap-south-1',
    'ap-south-2',
    'ap-southeast-1',
    'ap-southeast-2',
    'ap-southeast-3',
    'ap-southeast-4',
    'ap-southeast-5',
    'ap-southeast-6',
    'ap-southeast-7',
    'ca-central-1',
    'ca-west-1',
    'eu-central-1',
    'eu-central-2',
    'eu-north-1',
    'eu-south-1',
    'eu-south-2',
    'eu-west-1',
    'eu-west-2',
    'eu-west-3',
    'il-central-1',
    'me-central-1',
    'me-south-1',
    'me-west-1',
    'mx-central-1',
    'sa-east-1',
    'sa-west-1',
    'us-east-1',
    'us-east-2',
    'us-west-1',
    'us-west-2',
  ],
  'aws-cn': ['cn-north-1', 'cn-northwest-1'],
  // The usual hosts of these regions are FIPS hosts.
  'aws-us-gov': ['us-gov-east-1', 'us-gov-west-1'],
};

const FIPS_REGIONS = ['us-east-1', 'us-east-2', 'us-west-1', 'us-west-2'] as const;

const DOMAINS: Readonly<Record<AwsPartition, string>> = {
  aws: 'amazonaws.com',
  'aws-cn': 'amazonaws.com.cn',
  'aws-us-gov': 'amazonaws.com',
};

/** Signed for us-east-1, wherever the machine is. */
export const GLOBAL_STS: StsEndpoint = {
  host: 'sts.amazonaws.com',
  region: 'us-east-1',
  partition: 'aws',
};

const regional = (Object.keys(REGIONS) as AwsPartition[]).flatMap((partition) =>
  REGIONS[partition].map((region) => ({
    host: `sts.${region}.${DOMAINS[partition]}`,
    region,
    partition,
  })),
);
const fips = FIPS_REGIONS.map((region) => ({
  host: `sts-fips.${region}.amazonaws.com`,
  region,
  partition: 'aws' as const,
}));

/** Every host that a request may be signed for, by its name. */
export const STS_ENDPOINTS: ReadonlyMap<string, StsEndpoint> = new Map(
  [GLOBAL_STS, ...regional, ...fips].map((endpoint) => [endpoint.host, endpoint]),
);

/** The endpoint of a region; of its FIPS host where that is asked for. `undefined` if there is none such. */
export function regionalSts(region: string, fipsOnly = false): StsEndpoint | undefined {
  const usual = regional.find((endpoint) => endpoint.region === region);
  if (!fipsOnly || usual?.partition === 'aws-us-gov') return usual;
  return fips.find((endpoint) => endpoint.region === region);
}
