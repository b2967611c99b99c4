/** How little the management API is asked, whatever joiners do (rule 7). */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { guardMachineDirectory } from '../../../../shared/attestation/azure/guarded-machine-directory.ts';
import {
  type MachineDescription,
  unavailableHere,
} from '../../../../shared/attestation/azure/machine-directory.ts';
import { DEADLINE_MS } from '../../../../shared/deadline.ts';
import { unavailable } from '../../../../shared/refusal.ts';
import { createClock } from '../../../broker/test-broker.ts';

const SUBSCRIPTION = '00000000-0000-4000-8000-000000000001';
const OTHER = '00000000-0000-4000-8000-000000000002';
const vm = (name: string, subscription = SUBSCRIPTION) =>
  ({ kind: 'vm', subscription, group: 'group1', vm: name }) as const;
const set = (name: string) =>
  ({ kind: 'set', subscription: SUBSCRIPTION, group: 'group1', set: name }) as const;
const MACHINE: MachineDescription = {
  id: vm('vm-a'),
  vmId: 'a',
  scaleSet: undefined,
  location: undefined,
  identities: [],
};

function createScene() {
  const clock = createClock();
  const asked: string[] = [];
  let answer: () => Promise<MachineDescription | undefined> = async () => MACHINE;
  const ask = (question: string) => {
    asked.push(question);
    return answer();
  };
  const directory = guardMachineDirectory(
    {
      read: (id) => ask(id.kind === 'vm' ? id.vm : id.instance),
      findInSet: ({ set: name }, vmId) => ask(`${vmId} in ${name}`),
      findInSubscription: (subscription, vmId) => ask(`${vmId} in ${subscription}`),
    },
    clock.now,
  );
  /** The answer, or the refusal. */
  const outcomeOf = (question: () => Promise<unknown>): Promise<unknown> =>
    (async () => question())().catch((error: unknown) => error);
  return {
    clock,
    asked,
    answers(next: () => Promise<MachineDescription | undefined>) {
      answer = next;
    },
    fails(error: Error) {
      answer = () => Promise.reject(error);
    },
    read: (name: string, subscription?: string) =>
      outcomeOf(() => directory.read(vm(name, subscription))),
    find: (vmId: string, subscription = SUBSCRIPTION) =>
      outcomeOf(() => directory.findInSubscription(subscription, vmId)),
    findIn: (name: string, vmId: string) => outcomeOf(() => directory.findInSet(set(name), vmId)),
  };
}

const JUST_LISTED = { code: 'unavailable', retryAfter: 30, callersDoing: true };
const JUST_LOOKED_FOR = { code: 'unavailable', retryAfter: 300, callersDoing: true };

describe('a machine', () => {
  test('that several ask for at once is read once; afterwards it is read anew', async () => {
    const { asked, read } = createScene();
    expect(await Promise.all([read('vm-a'), read('vm-a'), read('vm-b')])).toEqual([
      MACHINE,
      MACHINE,
      MACHINE,
    ]);
    expect(asked).toEqual(['vm-a', 'vm-b']);
    await read('vm-a');
    expect(asked).toHaveLength(3);
  });

  test('that does not exist is not asked for again in five seconds', async () => {
    const { clock, asked, answers, read } = createScene();
    answers(async () => undefined);
    expect(await read('vm-a')).toBeUndefined();
    answers(async () => MACHINE);
    clock.advance(4.999);
    expect(await read('vm-a')).toBeUndefined();
    expect(asked).toEqual(['vm-a']);
    clock.advance(0.001);
    expect(await read('vm-a')).toBe(MACHINE);
  });

  test('that can not be read for its own sake keeps no other one out', async () => {
    const { clock, asked, answers, fails, read } = createScene();
    fails(unavailableHere('not yours', 30));
    await read('vm-a');
    answers(async () => MACHINE);
    expect(await read('vm-a')).toMatchObject({ message: 'not yours', retryAfter: 30 });
    expect(await read('vm-b')).toBe(MACHINE);
    expect(asked).toEqual(['vm-a', 'vm-b']);
    clock.advance(30);
    expect(await read('vm-a')).toBe(MACHINE);
  });

  test('of another subscription is asked for where one subscription fails', async () => {
    const { clock, asked, answers, fails, read } = createScene();
    fails(unavailable('throttled', 60));
    await read('vm-a');
    answers(async () => MACHINE);
    expect(await read('vm-b')).toMatchObject({ message: 'throttled', retryAfter: 60 });
    expect(await read('vm-b', OTHER)).toBe(MACHINE);
    expect(asked).toEqual(['vm-a', 'vm-b']);
    clock.advance(60);
    expect(await read('vm-b')).toBe(MACHINE);
  });
});

describe('a list', () => {
  test('of a subscription is made once in 30 seconds, whoever is looked for', async () => {
    const { clock, asked, find } = createScene();
    expect(await find('a')).toBe(MACHINE);
    clock.advance(29.999);
    expect(await find('b')).toMatchObject(JUST_LISTED);
    clock.advance(0.001);
    expect(await find('b')).toBe(MACHINE);
    expect(asked).toEqual([`a in ${SUBSCRIPTION}`, `b in ${SUBSCRIPTION}`]);
  });

  test('of another subscription, or of a set, has its own turn', async () => {
    const { find, findIn } = createScene();
    expect(await find('a')).toBe(MACHINE);
    expect(await find('a', OTHER)).toBe(MACHINE);
    expect(await findIn('set-a', 'a')).toBe(MACHINE);
    expect(await findIn('set-b', 'a')).toBe(MACHINE);
    expect(await findIn('set-a', 'b')).toMatchObject(JUST_LISTED);
  });

  test('is not made again for one machine in five minutes', async () => {
    const { clock, find } = createScene();
    await find('a');
    clock.advance(299.999);
    expect(await find('a')).toMatchObject(JUST_LOOKED_FOR);
    clock.advance(0.001);
    expect(await find('a')).toBe(MACHINE);
  });

  test('that found nothing says so for five seconds; then it was just made', async () => {
    const { clock, answers, find } = createScene();
    answers(async () => undefined);
    expect(await find('a')).toBeUndefined();
    clock.advance(4.999);
    expect(await find('a')).toBeUndefined();
    clock.advance(0.001);
    expect(await find('a')).toMatchObject(JUST_LOOKED_FOR);
  });

  test('that several wait for is made once', async () => {
    const { asked, find } = createScene();
    expect(await Promise.all([find('a'), find('a')])).toEqual([MACHINE, MACHINE]);
    expect(asked).toHaveLength(1);
  });

  test('that fails took its turn, and the machine may be looked for in the next one', async () => {
    const { clock, answers, fails, find } = createScene();
    fails(unavailableHere('too many machines', 5));
    expect(await find('a')).toMatchObject({ message: 'too many machines' });
    answers(async () => MACHINE);
    clock.advance(5);
    expect(await find('a')).toMatchObject(JUST_LISTED);
    clock.advance(25);
    expect(await find('a')).toBe(MACHINE);
  });

  test('that is never asked for takes no turn', async () => {
    const { clock, answers, fails, read, find } = createScene();
    fails(unavailable('throttled', 5));
    await read('vm-a');
    answers(async () => MACHINE);
    expect(await find('a')).toMatchObject({ message: 'throttled' });
    clock.advance(5);
    expect(await find('a')).toBe(MACHINE);
  });
});

describe('what does not answer in time', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  async function late(question: () => Promise<unknown>): Promise<unknown> {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const outcome = question();
    await vi.advanceTimersByTimeAsync(DEADLINE_MS);
    return outcome;
  }
  const never = () => new Promise<never>(() => {});
  const SILENT = { code: 'unavailable', message: 'the management API does not answer' };

  test.each<[string, (scene: ReturnType<typeof createScene>) => Promise<unknown>]>([
    ['of a subscription', ({ find }) => find('a')],
    ['of a set', ({ findIn }) => findIn('set-a', 'a')],
  ])('if it is a list %s, keeps no machine out that is read', async (_, list) => {
    const scene = createScene();
    scene.answers(never);
    expect(await late(() => list(scene))).toMatchObject(SILENT);
    scene.answers(async () => MACHINE);
    expect(await scene.read('vm-b')).toBe(MACHINE);
    // Lists wait for their turn, whoever is looked for.
    expect(await list(scene)).toMatchObject({ code: 'unavailable' });
    expect(scene.asked).toHaveLength(2);
    scene.clock.advance(30);
    expect(await list(scene)).toBe(MACHINE);
  });

  test('if it is one machine, is left alone with all of its subscription', async () => {
    const { clock, answers, read } = createScene();
    answers(never);
    expect(await late(() => read('vm-a'))).toMatchObject(SILENT);
    answers(async () => MACHINE);
    expect(await read('vm-b')).toMatchObject(SILENT);
    clock.advance(5);
    expect(await read('vm-b')).toBe(MACHINE);
  });
});
