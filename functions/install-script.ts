import type { BrokerEndpoint } from './endpoint.ts';
import type { Installation } from './installation.ts';

/** `curl …/scripts/install.sh | sudo sh`: the script of this version, made for the address at which it was asked for. */
export const installScript = (installation: Installation): BrokerEndpoint => ({
  name: 'install-script',
  methods: ['GET'],
  route: 'scripts/install.sh',
  async answer({ broker, request }) {
    const { addressOf, filledIn, quotable } = await import('./filled-script.ts');
    const address = broker.publicUrl ?? addressOf(request.headers.get('host') ?? '');
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
