/** One history on the real broker, followed in the reference step by step: what must not happen throws a `Violation`. */
import type { JoinAnswer } from '../../shared/protocol/join.ts';
import type { Answer } from '../broker/test-broker.ts';
import { auditOf, prepare } from './actions.ts';
import { checkAnswer, type Given, Violation } from './answers.ts';
import type { Step } from './histories.ts';
import type { Circumstances, Rival, World } from './possible.ts';
import type { Prepared } from './prepared.ts';
import { type Rows, rowsIn, rowsOf } from './rows.ts';
import { type Stage, secondsOf } from './stage.ts';

/** A failure of the management API, or of what the keys come from, is remembered for a few seconds. */
const SHAKY_SECONDS = 10;

type Trouble = Omit<Circumstances, 'racing'>;
type Together = Extract<Step, { do: 'together' }>;

export function createRun(stage: Stage, start: World) {
  const given: Given = { byDigest: new Map(), bySerial: new Map() };
  let worlds: readonly World[] = [start];
  const outcomes: string[] = [];
  /** Function instances that may have no keys yet. */
  const cold = new Set<number>();
  let shakyUntil = 0;
  /** Function instances that may remember such a failure: afterwards one of those who come at once asks, the others are told to wait. */
  const halfOpen = new Set<number>();
  let keylessUntil = 0;

  /** Any of the possible worlds: what is stored is the same in all. */
  const world = (): World => worlds[0] ?? start;

  async function carryOut(
    prepared: readonly Prepared[],
    { faults, order, outage }: Pick<Together, 'faults' | 'order' | 'outage'>,
    about: string,
  ): Promise<readonly Answer[]> {
    const { at } = world().state;
    const { result: answers, met } = await stage.withOutage(outage, () =>
      stage.storage.run(
        () => Promise.all(prepared.map(({ run }) => run())),
        faults,
        order.length > 0 ? order : undefined,
      ),
    );
    if (outage === 'management') {
      shakyUntil = at + SHAKY_SECONDS;
      for (const { fn } of prepared) halfOpen.add(fn);
    }
    if (outage === 'vault' || met > 0) keylessUntil = at + SHAKY_SECONDS;
    const done = prepared.map((action, i) => ({ action, answer: answers[i] as Answer }));
    const machinesAt = (fn: number): number =>
      prepared.filter((one) => one.fn === fn && one.message?.sent.machine).length;
    const isShaky = (fn: number): boolean =>
      at < shakyUntil || (halfOpen.has(fn) && machinesAt(fn) > 1);
    const about503 = (fn: number): Trouble => ({
      faulty: met > 0,
      management: outage === 'management' ? 'down' : isShaky(fn) ? 'shaky' : 'up',
      keyless: cold.has(fn) && at < keylessUntil,
    });
    const rows = await rowsOf(stage.storage.stored);
    const stored = new Set(Object.keys(rows.instances));
    const next = worldsAfter(worlds, done, about503, rows);
    if (next.length === 0)
      throw new Violation(describe(stage, world(), done, about503(0), rows, about));
    // Evidence that is made anew after its row is over is a first join like any other.
    const { instances } = world().state;
    for (const [digest, { id }] of given.byDigest) {
      const goneAfter = instances[id]?.goneAfter ?? 0;
      if (!stored.has(id) || goneAfter < at) given.byDigest.delete(digest);
    }
    worlds = next;
    for (const { action, answer } of done) {
      checkAnswer(stage, action, answer, given);
      outcomes.push(outcomeOf(stage, action, answer));
      if (action.message && answer.status === 200) cold.delete(action.fn);
    }
    return answers;
  }

  return {
    world,
    /** Whether this request is what the instance was answered with last, in all possible worlds. */
    surelyAnswered: (id: string, digest: string): boolean =>
      worlds.every(({ state }) => state.instances[id]?.answered.at(-1)?.digest === digest),
    /** What each action came to. */
    outcomes: (): readonly string[] => outcomes,
    wait(seconds: number): void {
      stage.clock.advance(seconds);
      const at = secondsOf(stage.clock);
      worlds = worlds.map((before) => ({ ...before, state: { ...before.state, at } }));
    },
    restart(fn: number): void {
      stage.restart(fn);
      cold.add(fn);
      halfOpen.delete(fn);
    },
    recreate(which: number): void {
      const vm = stage.machines[which]?.recreate();
      if (!vm) return;
      stage.machines[which] = vm;
      worlds = worlds.map((before) => ({
        ...before,
        machines: { ...before.machines, [vm.resourceId]: vm.vmId },
      }));
    },
    async together({ actions: wanted, ...how }: Together, about: string): Promise<void> {
      const prepared: Prepared[] = [];
      for (const action of wanted) {
        const ready = await prepare(stage, world(), action);
        if (ready) prepared.push(ready);
      }
      await carryOut(prepared, how, about);
    },
    /** One action without faults, which must succeed. */
    async mustSucceed(action: Prepared, about: string): Promise<void> {
      const [answer] = await carryOut(
        [action],
        { faults: [], order: [], outage: undefined },
        about,
      );
      if (!answer || answer.status >= 300)
        throw new Violation(`${about}: ${answer?.status} ${JSON.stringify(answer?.body)}`);
    },
  };
}
const outcomeOf = (stage: Stage, { message, fn }: Prepared, answer: Answer): string => {
  const line = message && auditOf(stage, fn, answer);
  if (line?.event !== 'join') return 'operators and timers';
  return line.reason ?? line.code ?? (message?.sent.renews ? 'renewed' : 'joined');
};

export type Run = ReturnType<typeof createRun>;

interface Done {
  readonly action: Prepared;
  readonly answer: Answer;
}

/** Requests that race may count in any order; what is stored says which. */
function worldsAfter(
  before: readonly World[],
  done: readonly Done[],
  about503: (fn: number) => Trouble,
  rows: Rows,
): readonly World[] {
  const stored = new Set(Object.keys(rows.instances));
  const found = new Map<string, World>();
  const circumstances = new Map(
    done.map((one): [Done, Circumstances] => [
      one,
      { ...about503(one.action.fn), racing: done.filter((other) => other !== one).map(rivalOf) },
    ]),
  );
  for (const order of permutations(done)) {
    const after = order.reduce<readonly World[]>(
      (all, step) =>
        all.flatMap((one) => {
          const excuses = circumstances.get(step) ?? { ...about503(step.action.fn), racing: [] };
          return step.action.possible(one, step.answer, excuses, stored);
        }),
      before,
    );
    for (const one of after) {
      if (!sameRows(rowsIn(one), rows)) continue;
      // Of worlds that differ only in what function instances know, the least known allows all that the others do.
      const { seen, ...rest } = one;
      const id = JSON.stringify(rest);
      const same = found.get(id);
      found.set(id, same ? { ...one, seen: least(seen, same.seen) } : one);
    }
  }
  return [...found.values()];
}

const rivalOf = ({ action: { about, message } }: Done): Rival => ({
  about,
  ...(message && { digest: message.sent.digest }),
  ...(message?.sent.owner === 'host:Node' &&
    message.sent.machine && { hostName: message.sent.machine.hostName }),
});

const least = (a: World['seen'], b: World['seen']): World['seen'] =>
  Object.fromEntries(
    Object.entries(a).map(([fn, version]) => [fn, Math.min(version, b[Number(fn)] ?? 0)]),
  );

const sameRows = (a: object, b: object): boolean => JSON.stringify(a) === JSON.stringify(b);

function* permutations<T>(items: readonly T[]): Generator<readonly T[]> {
  if (items.length === 0) yield [];
  for (const [i, item] of items.entries()) {
    for (const rest of permutations(items.toSpliced(i, 1))) yield [item, ...rest];
  }
}

function describe(
  stage: Stage,
  world: World,
  done: readonly Done[],
  trouble: Trouble,
  rows: object,
  about: string,
): string {
  const lines = done.map(({ action, answer }) => {
    const line = action.message && auditOf(stage, action.fn, answer);
    const body =
      answer.status === 200 && line
        ? {
            ...(answer.body as object),
            certificates: (answer.body as JoinAnswer).certificates.map(({ expires }) => expires),
            trust: undefined,
          }
        : answer.body;
    return `${JSON.stringify(action.message?.sent)}\n  -> ${answer.status} ${JSON.stringify(body)}\n  audit ${JSON.stringify(line)}`;
  });
  return [
    `${about}: no world is possible after this (${JSON.stringify(trouble)})`,
    ...lines,
    `before: ${JSON.stringify(rowsIn(world))}`,
    `stored: ${JSON.stringify(rows)}`,
    `state: ${JSON.stringify(world.state)}`,
    `versions: ${JSON.stringify(world.versions.slice(-3))} of ${world.versions.length} seen ${JSON.stringify(world.seen)}`,
  ].join('\n');
}
