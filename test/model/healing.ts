/** After the faults: operators take their locks and limits back, and everyone healthy gets on, whatever happened before. */
import { asJoin, asPrepared } from './actions.ts';
import { awsJoins, keyRenews, machineJoins } from './messages.ts';
import { newestRules } from './possible.ts';
import { placesHeld } from './reference.ts';
import type { Run } from './run.ts';
import type { Message, Stage } from './stage.ts';
import { DOCUMENT_SECONDS, type Places, placeOf, SIGNED_SECONDS } from './terms.ts';

const ONE = { ttls: [undefined] };

export async function everyoneGetsOn(stage: Stage, run: Run): Promise<void> {
  run.wait(10);
  await takeBack(stage, run);
  await sendLostAgain(stage, run);
  await renewAll(stage, run);
  await reinstallAll(stage, run);
  await limitMachines(stage, run, undefined);
  for (const [i, vm] of stage.machines.entries()) {
    const first = await machineJoins(stage, vm, 'bot:example', ONE);
    const fn = i % stage.functions.length;
    await run.mustSucceed(asJoin(stage, fn, first), `${vm.name} joins`);
  }
  for (const session of stage.sessions)
    await run.mustSucceed(asJoin(stage, 0, awsJoins(stage, session, ONE)), `${session.arn} joins`);
}

async function takeBack(stage: Stage, run: Run): Promise<void> {
  const { locks } = newestRules(run.world());
  const wanted = [
    ...['incident-0', 'incident-1']
      .filter((name) => locks[name])
      .map((name) => ({ do: 'unlock', fn: 0, name: Number(name.at(-1)) }) as const),
    { do: 'allow', fn: 0, groups: ['group1', 'group2'], life: 2_592_000 } as const,
    { do: 'limit role', fn: 0, seconds: 86_400 } as const,
  ];
  for (const action of wanted)
    await run.mustSucceed(await asPrepared(stage, run.world(), action), action.do);
  // No machine of whose instances one lives is held up by it.
  await limitMachines(stage, run, 1);
}

async function limitMachines(stage: Stage, run: Run, places: Places): Promise<void> {
  for (const of of ['azure', 'iam'] as const) {
    const action = { do: 'limit machines', fn: 0, of, places } as const;
    await run.mustSucceed(await asPrepared(stage, run.world(), action), action.do);
  }
  // Every function instance knows it by then.
  run.wait(5);
}

const isCopied = (run: Run, id: string): boolean =>
  newestRules(run.world()).locks[`copied-${id}`] !== undefined;

/** Whose answer was lost sends the same request again, as long as its evidence is fresh. */
async function sendLostAgain(stage: Stage, run: Run): Promise<void> {
  const { state, machines } = run.world();
  for (const [id, instance] of Object.entries(state.instances)) {
    const { digest, until } = instance.answered.at(-1) ?? { digest: '', until: 0 };
    const lost = stage.messages.find(({ sent }) => sent.digest === digest);
    const isKnown = stage.identities.some(({ message }) => message.sent.digest === digest);
    if (!lost || isKnown || until <= state.at || isCopied(run, id)) continue;
    // Of two at once whose answers were lost, either may have made it.
    if (!run.surelyAnswered(id, digest)) continue;
    const { machine, made, owner, method } = lost.sent;
    const good = { token: Number.POSITIVE_INFINITY, azure: DOCUMENT_SECONDS, iam: SIGNED_SECONDS };
    const isFresh = state.at <= made + good[method];
    const isThere = !machine || machines[machine.resource] === machine.vmId;
    const hasSecret = method !== 'token' || mayUse(run, lost.sent.token);
    // A first join with a secret is limited by the end of its join token.
    const inTime =
      lost.sent.renews !== undefined || method !== 'token' || endsLater(run, lost.sent.token);
    // Once the instance's key is over, so is what the renewal was answered with.
    const mayRenew = lost.sent.renews === undefined || instance.keyEnds > state.at;
    const isCounted = lost.sent.renews !== undefined || method === 'token' || holds(run, lost);
    const isRight = owner === 'bot:example' && isThere && hasSecret && isCounted;
    if (isRight && isFresh && inTime && mayRenew)
      await run.mustSucceed(asJoin(stage, 0, lost), 'a request whose answer was lost');
  }
}

/** Who has the newest key of a live instance renews it. */
async function renewAll(stage: Stage, run: Run): Promise<void> {
  const { state } = run.world();
  for (const [id, instance] of Object.entries(state.instances)) {
    const identity = stage.identities.find(
      ({ message, answer }) =>
        message.sent.key === instance.key &&
        (answer.body as { generation: number }).generation === instance.generation,
    );
    if (!identity || instance.removed || instance.keyEnds <= state.at || isCopied(run, id))
      continue;
    const { sent } = identity.message;
    const vm = stage.machines.find(({ vmId }) => vmId === sent.machine?.vmId);
    const fresh = instance.answered.filter(({ until }) => until > state.at);
    if (sent.owner !== 'bot:example' || fresh.length >= 10) continue;
    if (sent.method === 'token' && mayUse(run, sent.token)) {
      const renewal = keyRenews(stage, identity, ONE);
      await run.mustSucceed(asJoin(stage, 1, renewal), 'a renewal by key');
    }
    if (vm) {
      const renewal = await machineJoins(stage, vm, sent.owner, ONE, identity);
      await run.mustSucceed(asJoin(stage, 1, renewal), 'a renewal of a machine');
    }
    const { session } = identity.message;
    if (session) {
      const renewal = awsJoins(stage, session, ONE, identity);
      await run.mustSucceed(asJoin(stage, 1, renewal), 'a renewal from AWS');
    }
  }
}

/** Who has a place is never in its own way: what it had is lost, and it joins as if for the first time. */
async function reinstallAll(stage: Stage, run: Run): Promise<void> {
  for (const vm of stage.machines) {
    const first = await machineJoins(stage, vm, 'bot:example', ONE);
    if (holds(run, first))
      await run.mustSucceed(asJoin(stage, 2, first), `${vm.name} is reinstalled`);
  }
  for (const session of stage.sessions) {
    const first = awsJoins(stage, session, ONE);
    if (holds(run, first))
      await run.mustSucceed(asJoin(stage, 2, first), `${session.arn} is reinstalled`);
  }
}

const holds = (run: Run, { sent }: Message): boolean =>
  placesHeld(run.world().state, sent.token).sure.has(placeOf(sent));
const secretOf = (run: Run, token: string) =>
  Object.values(newestRules(run.world()).secrets).find(({ reference }) => reference === token);
const mayUse = (run: Run, token: string): boolean => secretOf(run, token) !== undefined;
const endsLater = (run: Run, token: string): boolean =>
  (secretOf(run, token)?.ends ?? 0) > run.world().state.at;
