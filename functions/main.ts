/** What the Functions host loads: reads the settings, registers every function. No rules in here. */
import { app } from '@azure/functions';
import type { Broker } from '../shared/broker.ts';
import { unavailable } from '../shared/refusal.ts';
import { readSettings, type Settings } from '../shared/settings.ts';
import { composeBroker } from './compose.ts';
import { handlerOf } from './endpoint.ts';
import { endpointsOf, timersOf } from './parts.ts';
import { timerHandlerOf } from './timers.ts';

const { settings, brokerOf } = startBroker();

for (const endpoint of endpointsOf(settings)) {
  app.http(endpoint.name, {
    methods: [...endpoint.methods],
    route: endpoint.route,
    authLevel: 'anonymous',
    handler: handlerOf(endpoint, brokerOf),
  });
}
for (const timer of timersOf(settings)) {
  app.timer(timer.name, { schedule: timer.schedule, handler: timerHandlerOf(timer, brokerOf) });
}

app.hook.appTerminate(async () => {
  // Settings that are no good have been told of: there is nothing to write then.
  await brokerOf().then(
    (broker) => broker.end(),
    () => {},
  );
});

/**
 * Throwing here would leave an app with no functions and no error. With bad settings every function answers 503
 * instead, `readyz` too, and the log says which setting is wrong.
 */
function startBroker(): {
  readonly settings?: Settings;
  readonly brokerOf: () => Promise<Broker>;
} {
  try {
    const settings = readSettings(process.env);
    const broker = composeBroker(settings);
    return { settings, brokerOf: () => Promise.resolve(broker) };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return { brokerOf: () => Promise.reject(unavailable('not ready: settings', 60, error)) };
  }
}
