/** Lists the functions of a built app: `node local/list-functions.ts [folder]`. Fails if the app can't be loaded. */
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { createFunctionsHost } from './functions-host.ts';
import type { AppFunction } from './host/function-app.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const host = await createFunctionsHost(process.argv[2] ?? ROOT);
for (const fn of host.functions) process.stdout.write(`${describe(fn)}\n`);
await host.close();

function describe(fn: AppFunction): string {
  const bound = fn.trigger === 'http' ? `${fn.methods.join(',')} /${fn.route}` : fn.schedule;
  return `${fn.name.padEnd(24)} ${bound}`;
}
