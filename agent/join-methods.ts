/** Every join method of the agent, by name. To add one: a function that makes its joiner, and a row in the table. */
import type { JoinMethodName } from '../shared/protocol/join.ts';
import { gatherAwsEvidence } from './aws/gather-evidence.ts';
import { azureEvidence } from './azure-evidence.ts';
import { openMetadataService } from './azure-metadata.ts';
import type { Broker } from './broker.ts';
import { lockDirectory } from './directory-lock.ts';
import type { Effects } from './effects.ts';
import { Failure } from './failure.ts';
import { openDownloads } from './issuing-certificates.ts';
import { joinByEvidence } from './join.ts';
import type { Joiner } from './joiner.ts';
import type { AgentSettings } from './settings.ts';
import { joinBySecret } from './token/join-by-secret.ts';

interface Parts {
  readonly broker: Broker;
  readonly effects: Effects;
  readonly env: Readonly<Record<string, string | undefined>>;
}

type MakeJoiner = (settings: AgentSettings, parts: Parts) => Promise<Omit<Joiner, 'close'>>;

const JOINERS: Readonly<Record<JoinMethodName, MakeJoiner>> = {
  azure: azureJoiner,
  iam: async (settings, { broker, effects, env }) => {
    const gather = gatherAwsEvidence(broker.trueTime, effects, env);
    return joinByEvidence(settings, { broker, gather }, effects);
  },
  token: (settings, { broker, effects }) => joinBySecret(settings, broker, effects),
};

/**
 * Locks the storage directory, too: one agent works with it. Throws a `Failure` where another one does, or where this
 * machine can't join by the method of the settings at all.
 */
export async function joinerOf(settings: AgentSettings, parts: Parts): Promise<Joiner> {
  const unlock = await lockStorage(settings, parts.effects);
  try {
    const joiner = await JOINERS[settings.joinMethod](settings, parts);
    return { ...joiner, close: unlock };
  } catch (error) {
    await unlock();
    throw error;
  }
}

async function lockStorage(
  { storage, joinMethod }: AgentSettings,
  { log }: Effects,
): Promise<() => Promise<void>> {
  const nothing = async (): Promise<void> => undefined;
  if (storage.type !== 'directory') return nothing;
  try {
    return await lockDirectory(storage.path);
  } catch (error) {
    // Without its directory an agent joins afresh. With a secret it can't, and two would lock each other out.
    if (!(error instanceof Failure) || error.code === 'busy' || joinMethod === 'token') throw error;
    log.warn(`nothing keeps a second joinbot from ${storage.path}: ${error.message}`);
    return nothing;
  }
}

async function azureJoiner(
  settings: AgentSettings,
  { broker, effects, env }: Parts,
): Promise<Omit<Joiner, 'close'>> {
  const metadata = openMetadataService(env, effects);
  const downloads = await openDownloads(settings.storage, env, effects.log);
  const gather = azureEvidence(settings, metadata, downloads, effects);
  return joinByEvidence(settings, { broker, gather }, effects);
}
