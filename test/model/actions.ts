/** Each action of a history: how it is carried out for real, and which worlds are possible after its answer. */
import type { JoinAnswer } from '../../shared/protocol/join.ts';
import type { Answer } from '../broker/test-broker.ts';
import { afterSweep } from './consequences.ts';
import type { Action } from './histories.ts';
import { awsJoins, keyRenews, machineJoins, secretJoins, withNewEvidence } from './messages.ts';
import { prepareOperation } from './operations.ts';
import { type Observed, possibleAfterJoin, type World } from './possible.ts';
import { type Prepared, pick } from './prepared.ts';
import type { Message, Stage } from './stage.ts';

/** `undefined`: there is nothing yet that it could be done with. */
export async function prepare(
  stage: Stage,
  world: World,
  action: Action,
): Promise<Prepared | undefined> {
  const { fn } = action;
  switch (action.do) {
    case 'join': {
      const vm = stage.machines[action.vm];
      const owner = action.as === 'Bot' ? 'bot:example' : 'host:Node';
      return vm && asJoin(stage, fn, await machineJoins(stage, vm, owner, action));
    }
    case 'join from AWS': {
      const session = pick(stage.sessions, action.session);
      return session && asJoin(stage, fn, awsJoins(stage, session, action));
    }
    case 'join with secret': {
      const secret = stage.secrets.get(`s${action.secret}`);
      return secret === undefined
        ? undefined
        : asJoin(stage, fn, secretJoins(stage, secret, action));
    }
    case 'renew':
      return prepareRenewal(stage, action);
    case 'send again': {
      const message = pick(stage.messages, action.which);
      if (!message) return undefined;
      return asJoin(stage, fn, action.anew ? withNewEvidence(stage, message) : message);
    }
    case 'sweep':
      return prepareSweep(stage, fn);
    case 'rotate keys':
      return {
        fn,
        about: 'keys',
        run: () =>
          asAnswer(async () => stage.functions[fn]?.broker.rotateKeys({ requestId: 'timer' })),
        possible: (before) => [before],
      };
    default:
      return prepareOperation(stage, world, action);
  }
}

/** The same, where there is something. */
export async function asPrepared(stage: Stage, world: World, action: Action): Promise<Prepared> {
  const prepared = await prepare(stage, world, action);
  if (!prepared) throw new Error(`nothing to ${action.do}`);
  return prepared;
}

async function prepareRenewal(
  stage: Stage,
  { fn, method, which, ttls, sameKey, forged }: Extract<Action, { do: 'renew' }>,
): Promise<Prepared | undefined> {
  const all = stage.identities.filter(({ message }) => message.sent.method === method);
  const identity = pick(all, which);
  if (!identity) return undefined;
  const { key, vm, session, sent } = identity.message;
  const wish = { ttls, ...(sameKey && { key }) };
  const proofKey = forged ? stage.identities[0]?.message.key : undefined;
  if (sent.method === 'token') return asJoin(stage, fn, keyRenews(stage, identity, wish, proofKey));
  if (session) return asJoin(stage, fn, awsJoins(stage, session, wish, identity, proofKey));
  // A machine that is gone makes no evidence any more; the one in its place has its disk.
  const now = stage.machines.find(({ resourceId }) => resourceId === vm?.resourceId);
  return (
    now && asJoin(stage, fn, await machineJoins(stage, now, sent.owner, wish, identity, proofKey))
  );
}

export function asJoin(stage: Stage, fn: number, message: Message): Prepared {
  const api = stage.functions[fn];
  if (!api) throw new Error('no such function instance');
  const { digest } = message.sent;
  // Sent again, it may tell of those only that were there when it was sent first.
  const isRepeated = stage.admittedBefore.has(digest);
  const admittedBefore = stage.admittedBefore.get(digest) ?? admittedBy(stage);
  stage.admittedBefore.set(digest, admittedBefore);
  return {
    fn,
    about: message.sent.renews?.id ?? message.sent.makes,
    message,
    run: () => api.request('POST', '/v1/join', { body: message.body }),
    possible: (world, answer, circumstances) =>
      possibleAfterJoin(
        world,
        fn,
        message.sent,
        { ...observed(stage, fn, answer), ...(isRepeated && { admittedBefore }) },
        circumstances,
      ),
  };
}

const admittedBy = ({ identities }: Stage): ReadonlySet<string> =>
  new Set(identities.map(({ answer }) => (answer.body as JoinAnswer).instance_id));

/** The audit line of an answer to a join. */
export const auditOf = (stage: Stage, fn: number, { headers }: Answer) =>
  (stage.functions[fn]?.audit ?? []).findLast(
    ({ event, request_id }) => event === 'join' && request_id === headers.get('x-request-id'),
  );

function observed(stage: Stage, fn: number, answer: Answer): Observed {
  const { status } = answer;
  if (status !== 200) {
    const { code } = answer.body as { code?: string };
    const line = auditOf(stage, fn, answer);
    const reason = line?.event === 'join' ? line.reason : undefined;
    return { status, ...(code !== undefined && { code }), ...(reason !== undefined && { reason }) };
  }
  const { instance_id: id, generation, certificates } = answer.body as JoinAnswer;
  const line = auditOf(stage, fn, answer);
  return {
    status,
    id,
    generation,
    ends: certificates.map(({ expires }) => Date.parse(expires) / 1000),
    beside: line?.event === 'join' ? (line.beside ?? []) : [],
  };
}

function prepareSweep(stage: Stage, fn: number): Prepared {
  return {
    fn,
    about: 'sweep',
    run: () => asAnswer(async () => stage.functions[fn]?.broker.sweep()),
    possible(world, { status }, { faulty, racing }, rows) {
      const alone = !faulty && racing.length === 0;
      if (status < 300 && alone) return [{ ...world, state: afterSweep(world.state) }];
      if (!faulty && status >= 300) return [];
      // It may have stopped half-way, and what it removed may have been made anew at once.
      const all = afterSweep(world.state);
      const some = afterSweep(world.state, (id) => rows.has(id));
      return [{ ...world, state: all }, { ...world, state: some }, world];
    },
  };
}

async function asAnswer(work: () => Promise<unknown>): Promise<Answer> {
  try {
    await work();
    return { status: 200, headers: new Headers(), body: {}, bytes: new Uint8Array() };
  } catch (error) {
    // Works that have nothing to do with each other fail as one.
    const failures: unknown[] = error instanceof AggregateError ? error.errors : [error];
    if (failures.some((each) => !(each instanceof Error && each.name === 'Refusal'))) throw error;
    return { status: 503, headers: new Headers(), body: {}, bytes: new Uint8Array() };
  }
}
