/** The broker as this machine reaches it: address and proxy, TLS, its trust bundle under the pins, clocks, what it accepts. */
import type { Broker } from '../broker.ts';
import type { Effects } from '../effects.ts';
import type { AgentSettings } from '../settings.ts';
import { verifyTrustBundle } from '../trust-bundle.ts';
import { type Check, type Finding, ok, problem, warning } from './finding.ts';

/** The broker takes evidence of up to five minutes: from half of that on a clock deserves a word. */
const NOTABLE_SKEW_MS = 150_000;
const MOST_SKEW_MS = 300_000;

export const brokerChecks = (
  settings: AgentSettings,
  broker: Broker,
  { clock }: Pick<Effects, 'clock'>,
): readonly Check[] => [
  {
    what: 'broker',
    async look() {
      const said = await broker.discover();
      return ok(
        `${settings.broker} is the broker of ${said.cluster_name}, version ${said.server_version}`,
      );
    },
  },
  {
    what: 'trust',
    async look() {
      const { caPins: pins } = settings;
      const now = clock.now();
      const bundle = await broker.trust();
      const { root } = await verifyTrustBundle(bundle, { pins, known: undefined, now });
      if (pins.length > 0) return ok(`its trust bundle is signed under the pinned root ${root}`);
      return warning(
        `no ca_pins are set, so this root is believed as the connection delivers it: ${root}`,
      );
    },
  },
  {
    what: 'clock',
    look: async () => clockFinding(broker.trueTime().getTime() - clock.now().getTime()),
  },
  ...(settings.joinMethod === 'azure' ? [audienceCheck(settings, broker)] : []),
];

/** Of whole seconds: a `Date` header has no others. */
function clockFinding(offsetMs: number): Finding {
  const seconds = Math.round(Math.abs(offsetMs) / 1000);
  if (seconds <= 1) return ok("this machine's clock and the broker's agree");
  const said = `this machine's clock is ${seconds} s ${offsetMs > 0 ? 'behind' : 'ahead of'} the broker's`;
  if (seconds * 1000 > MOST_SKEW_MS) return problem(`${said}: set the clock`);
  return seconds * 1000 > NOTABLE_SKEW_MS
    ? warning(`${said}: set the clock before it is five minutes`)
    : ok(said);
}

const audienceCheck = ({ azure: { audience } }: AgentSettings, broker: Broker): Check => ({
  what: 'audience',
  async look() {
    const { audiences } = await broker.discover();
    if (!audiences) return warning('the broker does not say which audiences it accepts');
    if (audiences.includes(audience)) return ok(`tokens for ${audience} are accepted`);
    return problem(
      `the broker accepts tokens for ${audiences.join(', ')}, not for ${audience}: write one of them to onboarding.azure.audience`,
    );
  },
});
