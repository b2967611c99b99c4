/** What the install script is made with. A bundle of its own: no start waits for it. */
import { isLoopback } from '../shared/protocol/loopback.ts';
import { Refusal, unavailable } from '../shared/refusal.ts';

const LABEL = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?';
const HOST = new RegExp(`^(?:${LABEL}(?:\\.${LABEL})*|\\[::1\\])(?::[1-9]\\d{0,4})?$`);
const ORIGIN = new RegExp(`^https?://${HOST.source.slice(1)}`);
const LONGEST = 300;

/** The origin that a Host header names. Azure's front end speaks https only; plain http is this machine's own. */
export function addressOf(host: string): string {
  const fits = host.length <= LONGEST && HOST.test(host);
  const [plain, secure] = ['http', 'https'].map((scheme) => URL.parse(`${scheme}://${host}`));
  if (!fits || !plain || !secure)
    throw new Refusal('bad_request', 'expected a Host header with a name and maybe a port');
  return (isLoopback(plain.hostname) ? plain : secure).origin;
}

/** The last check before an address becomes part of a script that root runs, wherever it came from. */
export function quotable(origin: string): string {
  if (ORIGIN.test(origin)) return origin;
  throw unavailable('JOIN_BROKER_PUBLIC_URL has characters that no script should hold', 300);
}

/** Puts the values in the place of `@NAME@`. Throws for a name that has none, which is a mistake of ours. */
export function filledIn(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/@([A-Z0-9_]+)@/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`the script's placeholder ${name} has no value`);
    return value;
  });
}
