/** What operators do: how each change is made for real, and which worlds are possible after its answer. */
import type { JoinAnswer } from '../../shared/protocol/join.ts';
import { referenceOf } from '../../shared/protocol/join-secret.ts';
import type { Answer } from '../broker/test-broker.ts';
import { afterFreeing, afterRemoval } from './consequences.ts';
import type { Action } from './histories.ts';
import { type Circumstances, newestRules, type World, withRules } from './possible.ts';
import { type Prepared, pick } from './prepared.ts';
import {
  AWS_TOKEN,
  awsTokenOf,
  JOIN_TOKEN,
  joinTokenOf,
  roleOf,
  type Stage,
  secondsOf,
  textOf,
} from './stage.ts';
import type { Allow, Rules, Target } from './terms.ts';

/** An operator's change of rules, or what a timer did. */
function asChange(
  fn: number,
  about: string,
  run: () => Promise<Answer>,
  apply: (rules: Rules, answer: Answer) => Rules | undefined,
): Prepared {
  return {
    fn,
    about,
    run,
    possible(world, answer, circumstances) {
      const rules = apply(newestRules(world), answer);
      const next = rules && withRules(world, rules);
      return possibleAfterChange(world, next, answer, about, circumstances);
    },
  };
}

/** `next` is the world after it was done; `undefined` where there is nothing that it could be done with. */
function possibleAfterChange(
  world: World,
  next: World | undefined,
  { status }: Answer,
  about: string,
  { faulty, racing }: Circumstances,
): readonly World[] {
  if (status < 300 && next) return [next];
  const isRaced = racing.some((rival) => rival.about === about);
  // Of two that remove it at once, both may be told that it is gone.
  if (status < 300) return isRaced && status === 204 ? [world] : [];
  // Whether it was done is not known.
  if (faulty && status === 503) return [world, ...(next ? [next] : [])];
  const isNothing = !next && [404, 409, 410].includes(status);
  const hasLost = isRaced && [404, 409, 412].includes(status);
  // What the SDK tried a second time after another's change is told as a lost race.
  if (hasLost && faulty && next) return [world, next];
  return isNothing || hasLost ? [world] : [];
}

/** The whole join token is written anew. */
const asAllowed = (stage: Stage, fn: number, allow: Allow): Prepared =>
  asChange(
    fn,
    `token/${JOIN_TOKEN}`,
    () => putAnyway(stage.admin(fn), joinTokenOf(stage.subscription, allow)),
    (rules) => ({ ...rules, allow }),
  );

/** `undefined`: there is nothing yet that it could be done with. */
export function prepareOperation(
  stage: Stage,
  world: World,
  action: Exclude<
    Action,
    {
      do:
        | 'join'
        | 'join from AWS'
        | 'join with secret'
        | 'renew'
        | 'send again'
        | 'sweep'
        | 'rotate keys';
    }
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
        `lock/${name}`,
        () => put({ kind: 'lock', version: 'v2', metadata: { name }, spec }),
        (rules) => ({ ...rules, locks: { ...rules.locks, [name]: target } }),
      );
    }
    case 'unlock': {
      const name = `incident-${action.name}`;
      return asChange(fn, `lock/${name}`, remove(`resources/lock/${name}`), (rules) => {
        const { [name]: held, ...locks } = rules.locks;
        return held && { ...rules, locks };
      });
    }
    case 'allow': {
      const { places } = newestRules(world).allow;
      const ends = secondsOf(stage.clock) + action.life;
      return asAllowed(stage, fn, { groups: action.groups, ends, places });
    }
    case 'limit machines': {
      const { places } = action;
      if (action.of === 'azure')
        return asAllowed(stage, fn, { ...newestRules(world).allow, places });
      return asChange(
        fn,
        `token/${AWS_TOKEN}`,
        () => put(awsTokenOf(places)),
        (rules) => ({ ...rules, awsPlaces: places }),
      );
    }
    case 'limit role':
      return asChange(
        fn,
        'role/access',
        () => put(roleOf(stage, action.seconds)),
        (rules) => ({ ...rules, roleSeconds: action.seconds }),
      );
    case 'make secret':
      return prepareSecret(stage, action);
    case 'delete secret': {
      const name = `s${action.secret}`;
      return asChange(fn, `token/${name}`, remove(`resources/token/${name}`), (rules) => {
        const { [name]: held, ...secrets } = rules.secrets;
        return held && { ...rules, secrets };
      });
    }
    case 'remove instance': {
      const known = pick(stage.identities, action.which);
      if (!known) return undefined;
      const { instance_id: id } = known.answer.body as JoinAnswer;
      const address = `instances/${encodeURIComponent(known.message.sent.owner)}/${id}`;
      return asStateChange(fn, id, remove(address), (before) => {
        const state = afterRemoval(before.state, id);
        return state && { ...before, state };
      });
    }
    case 'free name': {
      const name = pick(Object.keys(world.state.names), action.which);
      if (name === undefined) return undefined;
      return asStateChange(fn, `names/${name}`, remove(`names/${name}`), (before) => {
        const state = afterFreeing(before.state, name);
        return state && { ...before, state };
      });
    }
  }
}

const asStateChange = (
  fn: number,
  about: string,
  run: () => Promise<Answer>,
  apply: (world: World) => World | undefined,
): Prepared => ({
  fn,
  about,
  run,
  possible: (world, answer, circumstances) =>
    possibleAfterChange(world, apply(world), answer, about, circumstances),
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
  return asChange(fn, `token/${name}`, run, (rules, answer) => {
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
  if (on === 'join_token')
    return [on, pick([JOIN_TOKEN, AWS_TOKEN, ...stage.secrets.keys()], which) ?? ''];
  if (on === 'machine') return [on, pick(stage.machines, which)?.vmId ?? ''];
  if (on === 'aws_arn') return [on, pick(stage.sessions, which)?.arn ?? ''];
  const known = pick(stage.identities, which);
  return known && [on, (known.answer.body as JoinAnswer).instance_id];
}

async function putAnyway(admin: ReturnType<Stage['admin']>, resource: object): Promise<Answer> {
  const { kind, metadata } = resource as { kind: string; metadata: { name: string } };
  const address = `/v1/resources/${kind}/${metadata.name}`;
  const send = (headers: Record<string, string>) =>
    admin.request('PUT', address, { body: resource, headers });
  const answer = await send({ 'if-none-match': '*' });
  return answer.status === 409 ? send({ 'if-match': '*' }) : answer;
}
