/**
 * Nobody debugs the agent: a debugger's port lets every user of the machine run code as the agent. The entry imports this
 * before anything else, since it acts as it loads: Node opens that port on SIGUSR1 as long as nobody listens for it, and
 * where NODE_OPTIONS says so. Not in reach from here are the moment before this runs, and `--inspect-brk`, which waits.
 */
import { close, url } from 'node:inspector';
import process from 'node:process';

process.on('SIGUSR1', () => undefined);

export const debuggerWasOpen = url() !== undefined;
if (debuggerWasOpen) close();
