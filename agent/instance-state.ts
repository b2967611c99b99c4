/** What the agent keeps of a join, so that it can renew instead of joining afresh: also over a restart. */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import * as z from 'zod/mini';
import {
  joinMethod,
  joinTokenReference,
  type SystemRole,
  systemRole,
} from '../shared/protocol/join.ts';
import { parseJsonWith, sentenceOf } from '../shared/protocol/schema.ts';
import { caPin } from '../shared/protocol/trust.ts';
import {
  formatTimestamp,
  guid,
  name,
  parseTimestamp,
  timestamp,
} from '../shared/protocol/values.ts';
import { readFileSet } from './file-set.ts';
import type { Log } from './log.ts';
import type { AgentSettings } from './settings.ts';
import type { KnownTrust } from './trust-bundle.ts';

/** One joined machine's life as a bot or a host, as its own machine knows it. */
export interface Instance {
  readonly broker: string;
  readonly joinMethod: string;
  readonly token: string;
  readonly role: SystemRole;
  /** Its name, where the role is Bot. */
  readonly bot?: string;
  readonly id: string;
  readonly generation: number;
  /** The key of the first certificate of the latest join: it signs the next renewal. */
  readonly key: KeyObject;
  readonly expires: Date;
  readonly trust: KnownTrust;
}

export const STATE_FILE = 'state.json';
/** A bot's key lies beside its certificate, as a host's does, each under the name that belongs there. */
const keyFile = (role: SystemRole): string => (role === 'Bot' ? 'key' : 'tlskey');

const stateFile = z.strictObject({
  version: z.literal(2),
  broker: z.string(),
  join_method: joinMethod,
  token: joinTokenReference,
  role: z._default(systemRole, 'Bot'),
  bot: z.optional(name),
  instance_id: guid,
  generation: z.int(),
  expires: timestamp,
  trust: z.strictObject({
    root: caPin,
    version: z.int(),
    signedFrom: z.optional(z.int()),
    says: z.optional(z.string()),
    cluster: z.string(),
    refreshAfter: timestamp,
    pins: z.optional(z.array(caPin)),
    configured: z.optional(z.array(caPin)),
  }),
});

/** The file that lies beside the identity in the storage directory. The key is the identity's own. */
export function stateFiles(instance: Instance): [name: string, text: string][] {
  const { broker, token, role, bot, generation, trust } = instance;
  const state = {
    version: 2,
    broker,
    join_method: instance.joinMethod,
    token,
    role,
    bot,
    instance_id: instance.id,
    generation,
    expires: formatTimestamp(instance.expires),
    trust,
  };
  return [[STATE_FILE, `${JSON.stringify(state, undefined, 2)}\n`]];
}

/** The join token of a state file's instance; `undefined` where there is none that can be read. */
export function tokenInState(text: string): string | undefined {
  const parsed = parseJsonWith(stateFile, text);
  return parsed.ok ? parsed.value.token : undefined;
}

/** What a storage directory says of its instance, for people. */
export interface StoredState {
  readonly id: string;
  readonly generation: number;
  /** `bot <name>`, or the system role. */
  readonly owner: string;
  readonly broker: string;
  readonly join_method: string;
  readonly join_token: string;
  readonly ca_pin: string;
}

/** `undefined` where the directory is no agent's own, or what it holds can't be read. */
export async function storedState(directory: string): Promise<StoredState | undefined> {
  const text = (await readFileSet(directory, [STATE_FILE]))?.get(STATE_FILE);
  const parsed = text === undefined ? undefined : parseJsonWith(stateFile, text);
  if (!parsed?.ok) return undefined;
  const { instance_id, generation, role, bot, broker, join_method, token, trust } = parsed.value;
  return {
    id: instance_id,
    generation,
    owner: bot === undefined ? role : `bot ${bot}`,
    broker,
    join_method,
    join_token: token,
    ca_pin: trust.root,
  };
}

/** The instance to go on as; `undefined`, and a log line, where the directory holds none or one of other settings. */
export async function loadInstance(
  settings: Pick<AgentSettings, 'broker' | 'joinMethod' | 'token' | 'host'>,
  directory: string,
  log: Log,
): Promise<Instance | undefined> {
  const role = settings.host?.role ?? 'Bot';
  const files = await readFileSet(directory, [STATE_FILE, keyFile(role)]);
  if (!files) return undefined;
  const parsed = parseJsonWith(stateFile, files.get(STATE_FILE) ?? '');
  const key = readKey(files.get(keyFile(role)) ?? '');
  if (!parsed.ok || !key) {
    const why = parsed.ok ? 'its key is not a private key' : sentenceOf(parsed.problem);
    log.warn(`joining afresh: the state in ${directory} can't be read (${why})`);
    return undefined;
  }
  const state = parsed.value;
  const other = (['broker', 'token'] as const).find((field) => state[field] !== settings[field]);
  if (other !== undefined || state.join_method !== settings.joinMethod) {
    log.info(`joining afresh: the state in ${directory} is of another ${other ?? 'join method'}`);
    return undefined;
  }
  if (state.role !== role) {
    log.info(`joining afresh: the state in ${directory} is of a ${state.role}`);
    return undefined;
  }
  return {
    broker: state.broker,
    joinMethod: state.join_method,
    token: state.token,
    role,
    ...(state.bot !== undefined && { bot: state.bot }),
    id: state.instance_id,
    generation: state.generation,
    key,
    expires: parseTimestamp(state.expires) ?? new Date(0),
    trust: state.trust,
  };
}

/** `undefined` where the text is no private key. */
export function readKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    // The reason would quote OpenSSL's internals; the caller says which file it is.
    return undefined;
  }
}
