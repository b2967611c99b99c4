/** The timer functions. Each runs on an instance of its own, maybe late, maybe twice: their work converges. */
import type { InvocationContext, Timer } from '@azure/functions';
import type { Broker } from '../shared/broker.ts';
import type { Call } from '../shared/call.ts';
import { doEach } from '../shared/do-each.ts';
import { makeRequestId } from '../shared/request-id.ts';

export interface TimerFunction {
  readonly name: string;
  /** NCRONTAB with seconds. */
  readonly schedule: string;
  run(broker: Broker, context: InvocationContext): Promise<void>;
}

/** Makes keys that are missing or due. */
export const rotateKeys: TimerFunction = {
  name: 'rotate-keys',
  schedule: '0 7 * * * *',
  run: (broker, context) => broker.rotateKeys(callOf(broker, context)),
};

/** Writes everything that restores the authorities into a container that forgets nothing. */
export const backUp: TimerFunction = {
  name: 'back-up',
  schedule: '0 22 3 * * *',
  run: (broker, context) => broker.backUp(callOf(broker, context)),
};

/** Puts on the revocation lists what a lock is on, and has the root sign its own list. */
export const revoke: TimerFunction = {
  name: 'revoke',
  schedule: '20 * * * * *',
  run: (broker, context) => broker.lists.tend(callOf(broker, context)),
};

/** Tries from outside what must be denied, and what must work. */
export const probe: TimerFunction = {
  name: 'probe',
  schedule: '0 3,18,33,48 * * * *',
  run: (broker, context) => broker.probe(callOf(broker, context)),
};

/**
 * Writes down where the join log ends, looks when Azure's roots end, and removes rows that say nothing any more: each of
 * them, whatever becomes of the others.
 */
export const sweep: TimerFunction = {
  name: 'sweep',
  schedule: '0 37 * * * *',
  async run(broker, context) {
    await doEach([
      () => broker.anchorJoinLog(callOf(broker, context)),
      () => broker.watchAzureTrust(callOf(broker, context)),
      async () => context.log(JSON.stringify({ event: 'sweep', removed: await broker.sweep() })),
    ]);
  },
};

const callOf = (broker: Broker, context: InvocationContext): Call => ({
  requestId: makeRequestId(broker.now()),
  log: (line) => context.log(line),
});

/** The function that the host calls. A failure is logged, and the next run does the work. */
export function timerHandlerOf(timer: TimerFunction, brokerOf: () => Promise<Broker>) {
  return async (_: Timer, context: InvocationContext): Promise<void> => {
    try {
      await timer.run(await brokerOf(), context);
    } catch (error) {
      context.error(
        JSON.stringify({ event: 'failure', function: timer.name, detail: String(error) }),
      );
    }
  };
}
