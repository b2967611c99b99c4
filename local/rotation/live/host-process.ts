/**
 * The built function app in a process of its own whose clock is moved from outside. Says its address once it serves; told
 * `{"at": <milliseconds>}` it is that time (with the skew of its own), told `{"timer": <name>}` it runs that timer and says so.
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import process from 'node:process';
import { createFrontEnd } from '../../host/front-end.ts';
import { loadFunctionApp, type TimerFunction } from '../../host/function-app.ts';
import { timerInput } from '../../host/timers.ts';

export type HostOrder = { readonly at: number } | { readonly timer: string };
export type HostWord = { readonly url: string } | { readonly ran: string };

const [folder = '.', start = '0', skew = '0'] = process.argv.slice(2);

const RealDate = Date;
let offset = Number(start) + Number(skew) - RealDate.now();

/** The app takes the time from this, as everything does that it is made of. */
class MovedDate extends RealDate {
  constructor(...given: ConstructorParameters<typeof RealDate> | []) {
    if (given.length === 0) super(RealDate.now() + offset);
    else super(...given);
  }
  static override now(): number {
    return RealDate.now() + offset;
  }
}
globalThis.Date = MovedDate as DateConstructor;

const log = (): void => {};
const app = await loadFunctionApp(folder, log);
const server = createFrontEnd(app, { bodyLimit: 1_000_000, log });
server.listen(0, '127.0.0.1');
await once(server, 'listening');

const say = (word: HostWord): void => void process.send?.(word);

process.on('message', async (order: HostOrder) => {
  if ('at' in order) {
    offset = order.at + Number(skew) - RealDate.now();
    return;
  }
  const timer = app.functions.find(
    (fn): fn is TimerFunction => fn.trigger === 'timer' && fn.name === order.timer,
  );
  if (timer) await app.invoke(timer.name, timerInput(timer, new Date()));
  say({ ran: order.timer });
});
// Whoever started it is gone.
process.on('disconnect', () => process.exit());
say({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
