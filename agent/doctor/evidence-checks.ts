/** Whether this machine can prove itself by the join method of the settings. To add one: a row in the table. */
import { randomBytes } from 'node:crypto';
import type { JoinMethodName } from '../../shared/protocol/join.ts';
import { formatTimestamp } from '../../shared/protocol/values.ts';
import { findCredentials } from '../aws/find-credentials.ts';
import { openMetadataService } from '../azure-metadata.ts';
import type { Effects } from '../effects.ts';
import { loadInstance } from '../instance-state.ts';
import { issuingCertificates, openDownloads } from '../issuing-certificates.ts';
import type { AgentSettings } from '../settings.ts';
import { type Check, type Finding, findingsOf, ok, problem, warning } from './finding.ts';

type Environment = Readonly<Record<string, string | undefined>>;
type Look = (
  settings: AgentSettings,
  effects: Effects,
  env: Environment,
) => Promise<readonly Finding[]>;

const LOOKS: Readonly<Record<JoinMethodName, Look>> = {
  azure: lookAtAzure,
  iam: lookAtAws,
  token: lookAtSecret,
};

export const evidenceCheck = (
  settings: AgentSettings,
  effects: Effects,
  env: Environment,
): Check => ({
  what: settings.joinMethod,
  look: () => LOOKS[settings.joinMethod](settings, effects, env),
});

/** Each of the three things is asked for, whatever becomes of the others. */
async function lookAtAzure(
  { azure: { audience, clientId } }: AgentSettings,
  effects: Effects,
  env: Environment,
): Promise<readonly Finding[]> {
  const metadata = openMetadataService(env, effects);
  const looks: readonly (() => Promise<Finding>)[] = [
    async () => {
      const id = await metadata.resourceId();
      return id === undefined
        ? warning("the metadata service doesn't say which VM this is: the broker has to find out")
        : ok(`this is ${id}`);
    },
    async () => {
      const { signer } = await metadata.attestedDocument(randomBytes(16).toString('hex'));
      const downloads = await openDownloads({ type: 'memory' }, env, effects.log);
      await issuingCertificates(signer, downloads, effects);
      return ok('Azure signs documents for this machine, and the way to its root is known');
    },
    async () => {
      await metadata.accessToken(audience, clientId);
      return ok(`the managed identity gets access tokens for ${audience}`);
    },
  ];
  const findings: Finding[] = [];
  for (const look of looks) findings.push(...(await findingsOf(look)));
  return findings;
}

async function lookAtAws(
  _: AgentSettings,
  effects: Effects,
  env: Environment,
): Promise<readonly Finding[]> {
  const { credentials, region } = await findCredentials(effects.clock.now(), effects, env);
  const until = credentials.expires ? ` until ${formatTimestamp(credentials.expires)}` : '';
  return [ok(`there are AWS credentials (region ${region ?? 'unknown'}) that are good${until}`)];
}

async function lookAtSecret(
  settings: AgentSettings,
  { clock, log }: Effects,
): Promise<readonly Finding[]> {
  const { storage, secret } = settings;
  const instance =
    storage.type === 'directory' ? await loadInstance(settings, storage.path, log) : undefined;
  if (instance) {
    const until = formatTimestamp(instance.expires);
    return [
      instance.expires > clock.now()
        ? ok(`instance ${instance.id} renews itself with its key, until ${until}`)
        : problem(
            `instance ${instance.id} could renew itself until ${until}: it needs a new secret`,
          ),
    ];
  }
  return [
    secret === undefined
      ? problem('there is neither an instance in the storage directory nor a secret to join with')
      : ok('there is a secret for the first join; only the join shows whether it is still good'),
  ];
}
