/** Every join method of the agent, by name. To add one: a function that makes its joiner, and a row in the table. */
import type { JoinMethodName } from '../shared/protocol/join.ts';
import { certificateMirror, simulatedMetadataService } from './addresses.ts';
import { gatherAwsEvidence } from './aws/gather-evidence.ts';
import { azureEvidence } from './azure-evidence.ts';
import { describeMachine } from './azure-machine.ts';
import type { Broker } from './broker.ts';
import { openCertificateCache } from './certificate-cache.ts';
import type { Effects } from './effects.ts';
import { joinByEvidence } from './join.ts';
import type { Joiner } from './joiner.ts';
import { AZURE_METADATA_SERVICE, askMetadataOf } from './metadata-http.ts';
import { metadataService } from './metadata-service.ts';
import type { AgentSettings } from './settings.ts';
import { joinBySecret } from './token/join-by-secret.ts';

interface Parts {
  readonly broker: Broker;
  readonly effects: Effects;
  readonly env: Readonly<Record<string, string | undefined>>;
}

type MakeJoiner = (settings: AgentSettings, parts: Parts) => Promise<Joiner>;

const JOINERS: Readonly<Record<JoinMethodName, MakeJoiner>> = {
  azure: azureJoiner,
  iam: async (settings, { broker, effects, env }) => {
    const gather = gatherAwsEvidence(broker.trueTime, effects, env);
    return joinByEvidence(settings, { broker, gather }, effects);
  },
  token: (settings, { broker, effects }) => joinBySecret(settings, broker, effects),
};

/** Throws a `Failure` where this machine can't join by the method of the settings at all. */
export const joinerOf: MakeJoiner = (settings, parts) =>
  JOINERS[settings.joinMethod](settings, parts);

async function azureJoiner(
  settings: AgentSettings,
  { broker, effects, env }: Parts,
): Promise<Joiner> {
  const imds = env['JOINBOT_IMDS_URL'];
  const mirror = env['JOINBOT_PKI_URL'];
  if (imds || mirror)
    effects.log.warn('this is a simulated VM: JOINBOT_IMDS_URL or JOINBOT_PKI_URL is set');
  const imdsBase = imds ? simulatedMetadataService(imds) : AZURE_METADATA_SERVICE;
  const ask = askMetadataOf(imdsBase, effects, describeMachine);
  const metadata = metadataService(ask, effects, describeMachine);
  const { storage } = settings;
  const downloads = {
    mirror: mirror ? certificateMirror(mirror) : undefined,
    cache: await openCertificateCache(
      storage.type === 'directory' ? storage.path : undefined,
      effects.log,
    ),
  };
  const gather = azureEvidence(settings, metadata, downloads, effects);
  return joinByEvidence(settings, { broker, gather }, effects);
}
