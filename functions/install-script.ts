import type { HttpRequest } from '@azure/functions';
import { isLoopback } from '../shared/protocol/loopback.ts';
import { Refusal, unavailable } from '../shared/refusal.ts';
import type { BrokerEndpoint } from './endpoint.ts';
import type { Installation } from './installation.ts';

/** `curl …/scripts/install.sh | sudo sh`: the script of this version, made for the address at which it was asked for. */
export const installScript = (installation: Installation): BrokerEndpoint => ({
  name: 'install-script',
  methods: ['GET'],
  route: 'scripts/install.sh',
  async answer({ broker, request }) {
    const address = broker.publicUrl ?? addressOf(request);
    const [script, { version, sha256 }] = await Promise.all([
      installation.script(),
      installation.tools(),
    ]);
    const body = filledIn(script, {
      BROKER: quotable(address),
      VERSION: version,
      JOINBOT_SHA256: sha256['joinbot.cjs'],
      JOINCTL_SHA256: sha256['joinctl.cjs'],
    });
    // Not to be kept for others: it depends on the Host header.
    return { body, headers: { 'content-type': 'text/x-shellscript; charset=utf-8' } };
  },
});

const LABEL = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?';
const HOST = new RegExp(`^(?:${LABEL}(?:\\.${LABEL})*|\\[::1\\])(?::[1-9]\\d{0,4})?$`);
const ORIGIN = new RegExp(`^https?://${HOST.source.slice(1)}`);
const LONGEST = 300;

/** Azure's front end speaks https only; plain http is this machine's own. */
function addressOf(request: HttpRequest): string {
  const host = request.headers.get('host') ?? '';
  const fits = host.length <= LONGEST && HOST.test(host);
  const [plain, secure] = ['http', 'https'].map((scheme) => URL.parse(`${scheme}://${host}`));
  if (!fits || !plain || !secure)
    throw new Refusal('bad_request', 'expected a Host header with a name and maybe a port');
  return (isLoopback(plain.hostname) ? plain : secure).origin;
}

/** The last check before an address becomes part of a script that root runs, wherever it came from. */
function quotable(origin: string): string {
  if (ORIGIN.test(origin)) return origin;
  throw unavailable('JOIN_BROKER_PUBLIC_URL has characters that no script should hold', 300);
}

/** Puts the values in the place of `@NAME@`. Throws for a name that has none, which is a mistake of ours. */
function filledIn(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/@([A-Z0-9_]+)@/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`the script's placeholder ${name} has no value`);
    return value;
  });
}
