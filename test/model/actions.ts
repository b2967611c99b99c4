/** Each action of a history: how it is carried out for real, and which worlds are possible after its answer. */
import type { JoinAnswer } from '../../shared/protocol/join.ts';
import { referenceOf } from '../../shared/protocol/join-secret.ts';
import type { Answer } from '../broker/test-broker.ts';
import type { Action } from './histories.ts';
import {
  type Circumstances,
  newestRules,
  type Observed,
  possibleAfterJoin,
  type World,
  withRules,
} from './possible.ts';
import { afterFreeing, afterRemoval, afterSweep, type Rules, type Target } from './reference.ts';
import {
  JOIN_TOKEN,
  joinTokenOf,
  keyRenews,
  type Message,
  machineJoins,
  roleOf,
  type Stage,
  secondsOf,
  secretJoins,
  textOf,
  withNewEvidence,
} from './stage.ts';

/** An action that is ready to be carried out. */
export interface Prepared {
  run(): Promise<Answer>;
  /** Every world that is possible after this answer. `rows` are the instances that are stored by now. */
  possible(
    world: World,
    answer: Answer,
    circumstances: Circumstances,
    rows: ReadonlySet<string>,
  ): readonly World[];
  readonly message?: Message;
  readonly fn: number;
}

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

export const pick = <T>(all: readonly T[], which: number): T | undefined =>
  all.length > 0 ? all[which % all.length] : undefined;

async function prepareRenewal(
  stage: Stage,
  { fn, method, which, ttl, sameKey, forged }: Extract<Action, { do: 'renew' }>,
): Promise<Prepared | undefined> {
  const all = stage.identities.filter(({ message }) => message.sent.method === method);
  const identity = pick(all, which);
  if (!identity) return undefined;
  const { key, vm, sent } = identity.message;
  const wish = { ttl, ...(sameKey && { key }) };
  const proofKey = forged ? stage.identities[0]?.message.key : undefined;
  if (sent.method === 'token') return asJoin(stage, fn, keyRenews(stage, identity, wish, proofKey));
  // A machine that is gone makes no evidence any more; the one in its place has its disk.
  const now = stage.machines.find(({ resourceId }) => resourceId === vm?.resourceId);
  return (
    now && asJoin(stage, fn, await machineJoins(stage, now, sent.owner, wish, identity, proofKey))
  );
}

export function asJoin(stage: Stage, fn: number, message: Message): Prepared {
  const api = stage.functions[fn];
  if (!api) throw new Error('no such function instance');
  return {
    fn,
    message,
    run: () => api.request('POST', '/v1/join', { body: message.body }),
    possible: (world, answer, circumstances) =>
      possibleAfterJoin(world, fn, message.sent, observed(stage, fn, answer), circumstances),
  };
}

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
  return { status, id, generation, ends: Date.parse(certificates[0]?.expires ?? '') / 1000 };
}

/** An operator's change of rules, or what a timer did. */
function asChange(
  fn: number,
  run: () => Promise<Answer>,
  apply: (rules: Rules, answer: Answer) => Rules | undefined,
): Prepared {
  return {
    fn,
    run,
    possible(world, answer, circumstances) {
      const rules = apply(newestRules(world), answer);
      return possibleAfterChange(world, rules && withRules(world, rules), answer, circumstances);
    },
  };
}

/** `next` is the world after it was done; `undefined` where there is nothing that it could be done with. */
function possibleAfterChange(
  world: World,
  next: World | undefined,
  { status }: Answer,
  { faulty, racing }: Circumstances,
): readonly World[] {
  if (status < 300) return next ? [next] : [];
  const isExcused = faulty ? [409, 412, 503] : racing ? [409, 412] : [];
  // One that was done and undone by another before it was read back is told as a lost race, too.
  if (isExcused.includes(status)) return [world, ...(next ? [next] : [])];
  const isNothing = !next && [404, 409, 410].includes(status);
  return isNothing || (racing && status === 404) ? [world] : [];
}

function prepareOperation(
  stage: Stage,
  world: World,
  action: Exclude<
    Action,
    { do: 'join' | 'join with secret' | 'renew' | 'send again' | 'sweep' | 'rotate keys' }
  >,
): Prepared | undefined {
  const { fn } = action;
  const admin = stage.admin(fn);
  const put = (resource: object) => putAnyway(admin, resource);
  const remove = (address: string) => () => admin.request('DELETE', `/v1/${address}`);
  switch (action.do) {
    case 'lock': {
      const name = `incident-${action.name}`;
      const target = targetOf(stage, action.on, action.which);
      if (!target) return undefined;
      const spec = { target: Object.fromEntries([target]), message: 'a test' };
      return asChange(
        fn,
        () => put({ kind: 'lock', version: 'v2', metadata: { name }, spec }),
        (rules) => ({ ...rules, locks: { ...rules.locks, [name]: target } }),
      );
    }
    case 'unlock': {
      const name = `incident-${action.name}`;
      return asChange(fn, remove(`resources/lock/${name}`), (rules) => {
        const { [name]: held, ...locks } = rules.locks;
        return held && { ...rules, locks };
      });
    }
    case 'allow': {
      const allow = { groups: action.groups, ends: secondsOf(stage.clock) + action.life };
      return asChange(
        fn,
        () => put(joinTokenOf(stage.subscription, allow)),
        (rules) => ({ ...rules, allow }),
      );
    }
    case 'limit role':
      return asChange(
        fn,
        () => put(roleOf(stage, action.seconds)),
        (rules) => ({ ...rules, roleSeconds: action.seconds }),
      );
    case 'make secret':
      return prepareSecret(stage, action);
    case 'delete secret': {
      const name = `s${action.secret}`;
      return asChange(fn, remove(`resources/token/${name}`), (rules) => {
        const { [name]: held, ...secrets } = rules.secrets;
        return held && { ...rules, secrets };
      });
    }
    case 'remove instance': {
      const known = pick(stage.identities, action.which);
      if (!known) return undefined;
      const { instance_id: id } = known.answer.body as JoinAnswer;
      const address = `instances/${encodeURIComponent(known.message.sent.owner)}/${id}`;
      return asStateChange(fn, remove(address), (before) => {
        const state = afterRemoval(before.state, id);
        return state && { ...before, state };
      });
    }
    case 'free name': {
      const name = pick(Object.keys(world.state.names), action.which);
      if (name === undefined) return undefined;
      return asStateChange(fn, remove(`names/${name}`), (before) => {
        const state = afterFreeing(before.state, name);
        return state && { ...before, state };
      });
    }
  }
}

const asStateChange = (
  fn: number,
  run: () => Promise<Answer>,
  apply: (world: World) => World | undefined,
): Prepared => ({
  fn,
  run,
  possible: (world, answer, circumstances) =>
    possibleAfterChange(world, apply(world), answer, circumstances),
});

function prepareSecret(
  stage: Stage,
  { fn, secret, life }: Extract<Action, { do: 'make secret' }>,
): Prepared {
  const name = `s${secret}`;
  const ends = secondsOf(stage.clock) + life;
  const run = async (): Promise<Answer> => {
    const answer = await stage.admin(fn).request('PUT', `/v1/resources/token/${name}`, {
      body: {
        kind: 'token',
        version: 'v2',
        metadata: { name, expires: textOf(ends) },
        spec: { roles: ['Bot'], bot_name: 'example', join_method: 'token' },
      },
      headers: { 'if-none-match': '*' },
    });
    const { secret: made } = answer.body as { secret?: string };
    if (made !== undefined) stage.secrets.set(name, made);
    return answer;
  };
  return asChange(fn, run, (rules, answer) => {
    if (rules.secrets[name]) return undefined;
    const { secret: made } = answer.body as { secret?: string };
    // Where the answer was lost, nobody knows the secret.
    const reference = made === undefined ? 'lost' : referenceOf(made);
    return { ...rules, secrets: { ...rules.secrets, [name]: { reference, ends } } };
  });
}

function targetOf(
  stage: Stage,
  on: Extract<Action, { do: 'lock' }>['on'],
  which: number,
): Target | undefined {
  if (on === 'bot') return [on, 'example'];
  if (on === 'join_token') return [on, pick([JOIN_TOKEN, ...stage.secrets.keys()], which) ?? ''];
  if (on === 'machine') return [on, pick(stage.machines, which)?.vmId ?? ''];
  const known = pick(stage.identities, which);
  return known && [on, (known.answer.body as JoinAnswer).instance_id];
}

function prepareSweep(stage: Stage, fn: number): Prepared {
  return {
    fn,
    run: () => asAnswer(async () => stage.functions[fn]?.broker.sweep()),
    possible(world, { status }, { faulty, racing }, rows) {
      if (status < 300 && !faulty && !racing) return [{ ...world, state: afterSweep(world.state) }];
      const stays = (id: string): boolean => rows.has(id);
      const state = afterSweep(world.state, stays);
      return faulty || racing ? [{ ...world, state }, world] : [];
    },
  };
}

async function asAnswer(work: () => Promise<unknown>): Promise<Answer> {
  try {
    await work();
    return { status: 200, headers: new Headers(), body: {} };
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'Refusal') throw error;
    return { status: 503, headers: new Headers(), body: {} };
  }
}

async function putAnyway(admin: ReturnType<Stage['admin']>, resource: object): Promise<Answer> {
  const { kind, metadata } = resource as { kind: string; metadata: { name: string } };
  const address = `/v1/resources/${kind}/${metadata.name}`;
  const send = (headers: Record<string, string>) =>
    admin.request('PUT', address, { body: resource, headers });
  const answer = await send({ 'if-none-match': '*' });
  return answer.status === 409 ? send({ 'if-match': '*' }) : answer;
}
