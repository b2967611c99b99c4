/**
 * Join method `token`: a secret that is good for one first join; what follows is proved by the instance's key alone. The
 * broker takes an older key that is used late for a copied identity, and locks the instance. So that this never hits a
 * healthy machine, whatever is lost and whenever it dies:
 * - New keys and the request are on the disk before the request leaves, and that very request is sent until there is an
 *   answer. The broker answers it as often as it comes.
 * - After any answer but success it isn't known which generation the broker has. The newest key is tried first, and an
 *   older one only right after the broker has said that it doesn't know the newer one.
 * - All requests that replace the same generation ask for the same new key: whichever is carried out, the key is here.
 */
import { instanceIdOfSecret } from '../../shared/protocol/join-secret.ts';
import type { Broker } from '../broker.ts';
import type { Effects } from '../effects.ts';
import { Failure } from '../failure.ts';
import { writeOwnIdentity } from '../identity-directory.ts';
import type { Instance } from '../instance-state.ts';
import { acceptAnswer, type Joined } from '../join-answer.ts';
import type { Joiner } from '../joiner.ts';
import { proofOf } from '../joining-keys.ts';
import { type Backoff, retrying } from '../retry.ts';
import type { AgentSettings } from '../settings.ts';
import { withAdvice } from './advice.ts';
import { append, asksFor, continuing, type Maker, replacedKey, rewrite } from './chain.ts';
import { type PendingRequest, pendingRequests, replacedBy } from './pending-requests.ts';

const ROUNDS: Backoff = { tries: 6, firstMs: 1000, mostMs: 30_000 };

/** Of one generation each. At the limit, the newest is sent until the broker knows better. */
const MOST_PENDING = 4;

/**
 * The broker takes a request for late that is written five minutes after another one was carried out. If the newest key was
 * not known as this began, an older one is used well before that, even if a request is carried out meanwhile.
 */
const DESCENT_MS = 120_000;

interface Parts extends Maker {
  readonly directory: string;
  readonly secret: string | undefined;
  readonly effects: Effects;
  /** Called as soon as an instance is on the disk. */
  readonly holds: (instance: Instance) => void;
}

/** The storage directory is locked: two agents that renew one instance would each take the other for a thief. */
export async function joinBySecret(
  settings: AgentSettings,
  broker: Broker,
  effects: Effects,
): Promise<Omit<Joiner, 'close'>> {
  const { storage, secret } = settings;
  if (storage.type !== 'directory')
    throw new TypeError('join method token has a storage directory');
  const directory = storage.path;
  const pending = pendingRequests(directory, settings.token);
  // A round may get an instance and fail afterwards: then the next one goes on from there.
  let held: Instance | undefined;
  const holds = (instance: Instance): void => {
    held = instance;
  };
  return {
    join: async (instance, due) => {
      const parts = { settings, due, directory, secret, broker, pending, effects, holds };
      try {
        return await retrying(effects, ROUNDS, mayPass, () => round(held ?? instance, parts));
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        throw withAdvice(error, held ?? instance, effects.clock.now());
      }
    },
    storesItself: true,
  };
}

const mayPass = ({ code }: Failure): boolean =>
  code === 'broker_unreachable' ||
  code === 'broker_unavailable' ||
  code === 'throttled' ||
  code === 'try_again';

/** From the newest request down to one that the broker carries out. */
async function round(instance: Instance | undefined, parts: Parts): Promise<Joined> {
  const { pending, effects } = parts;
  const chain = continuing(await pending.load(), instance);
  if (chain.length === 0) await append(chain, instance, parts);

  let position = chain.length - 1;
  let mayAppend = chain.length < MOST_PENDING;
  let newestSent = 0;
  for (;;) {
    if (position === chain.length - 1) newestSent = effects.clock.now().getTime();
    const answer = await send(chain, position, instance, parts).catch((error: unknown) => {
      if (error instanceof Failure) return error;
      throw error;
    });
    if (!(answer instanceof Failure)) {
      // One that was written under other settings brings other certificates than those that are wanted now.
      return asksFor(chain[position], parts) ? answer : round(answer.instance, parts);
    }
    if (answer.code === 'instance_unknown' && position > 0) {
      if (effects.clock.now().getTime() - newestSent > DESCENT_MS) throw tooSlow(answer);
      position -= 1;
      mayAppend = false;
      await rewrite(chain, position, instance, parts);
    } else if (mayAppend && (isRefusal(answer) || answer.code === 'instance_unknown')) {
      mayAppend = false;
      await append(chain, instance, parts);
      position += 1;
    } else {
      throw answer;
    }
  }
}

/** Answers that leave open whether the broker carried the request out when it was sent before. */
const isRefusal = ({ code }: Failure): boolean => code === 'denied' || code === 'broker_refused';

const tooSlow = (cause: Failure): Failure =>
  new Failure('try_again', 'the broker answers too slowly to try an older key now', { cause });

/** Sends a request and keeps what it brought, before anybody gets to see it. */
async function send(
  chain: readonly PendingRequest[],
  position: number,
  instance: Instance | undefined,
  { settings, directory, secret, broker, pending, effects, holds }: Parts,
): Promise<Joined> {
  const sent = chain[position];
  if (!sent) throw new TypeError('there is no such request');
  const key = replacedKey(chain, position, instance);
  const proof = key ? { proof: proofOf(sent.text, key) } : { secret: firstSecret(secret) };
  const answer = await broker.join({ request: sent.text, ...proof });
  const now = effects.clock.now();
  const joined = await acceptAnswer(
    answer,
    sent.keys,
    settings,
    { asked: sent.request.certificates, renewing: instance, known: instance },
    now,
  );
  const { id, generation } = joined.instance;
  if (id !== instanceIdOfSecret(settings.token) || generation !== replacedBy(sent) + 1) {
    const message = 'the broker answered with another instance or generation than was asked for';
    throw new Failure('untrusted', message);
  }
  await writeOwnIdentity(directory, joined, now);
  holds(joined.instance);
  await pending.clear();
  return joined;
}

function firstSecret(secret: string | undefined): string {
  if (secret !== undefined) return secret;
  const message =
    'the secret of a join token is needed for a first join: give one with --token, JOINBOT_TOKEN or onboarding.token';
  throw new Failure('config', message);
}
