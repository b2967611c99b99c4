/**
 * Nobody debugs the agent: a debugger's port lets every user of the machine run code as the agent. The entry imports this
 * before anything else, since it acts as it loads: Node opens that port on SIGUSR1 as long as nobody listens for it, and
 * where NODE_OPTIONS says so. Not in reach from here are the moment before this runs, and `--inspect-brk`, which waits.
 *
 * A signal of that moment may be handled twice, at once and by the event loop: the port is open again after it was closed. So
 * it is looked at again once the loop has done what waited for it, and some times after that.
 */
import { close, url } from 'node:inspector';
import process from 'node:process';

process.on('SIGUSR1', () => undefined);

export const debuggerWasOpen = url() !== undefined;
shut();
setImmediate(shut);
for (const ms of [10, 100, 1000]) setTimeout(shut, ms).unref();

function shut(): void {
  if (url() !== undefined) close();
}
