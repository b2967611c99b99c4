/**
 * What an app answers and runs where a broker is two apps. Both have the same addresses: what is for the other one gets 421.
 */
import { Refusal } from '../shared/refusal.ts';
import type { Settings } from '../shared/settings.ts';
import { openapi } from './documents.ts';
import type { Endpoint, PlainEndpoint } from './endpoint.ts';
import { endpoints } from './endpoints.ts';
import { healthz, readyz } from './health.ts';
import { heartbeat } from './heartbeat.ts';
import { join } from './join.ts';
import { NOT_FOUND } from './not-found.ts';
import { backUp, probe, revoke, rotateKeys, sweep, type TimerFunction } from './timers.ts';
import { trust, trustForm } from './trust.ts';
import { find, ping, versionChannel } from './webapi.ts';

type Part = Pick<Settings, 'JOIN_BROKER_PART' | 'JOIN_BROKER_PUBLIC_URL'>;

const namesOf = (some: readonly Endpoint[]): readonly string[] => some.map(({ name }) => name);

/** What tells nothing but what is public, and what operators' tools ask as well as machines. */
const OF_BOTH: readonly string[] = [
  ...namesOf([healthz, readyz, find, ping, versionChannel, trust, trustForm, openapi]),
  NOT_FOUND,
];

/** What takes evidence, or what machines install: none of it is in the app that may sign with the root. */
const OF_JOINERS: readonly string[] = [
  ...namesOf([join, heartbeat]),
  'install-script',
  'tool',
  'config-schema',
];

/** Without settings, which can't be read, it is the whole broker. */
export function endpointsOf(part: Part | undefined): readonly Endpoint[] {
  switch (part?.JOIN_BROKER_PART) {
    case 'joiners':
      return endpoints.map((one) =>
        OF_BOTH.includes(one.name) || OF_JOINERS.includes(one.name)
          ? one
          : elsewhere(one, 'operators ask the other app of this broker (joinctl --proxy)'),
      );
    case 'operators':
      return endpoints.map((one) =>
        OF_JOINERS.includes(one.name)
          ? elsewhere(one, `machines ask ${part.JOIN_BROKER_PUBLIC_URL}`)
          : one,
      );
    default:
      return endpoints;
  }
}

/** The app that machines reach runs none: nothing that they can break stops rotation. */
export const timersOf = (part: Part | undefined): readonly TimerFunction[] =>
  part?.JOIN_BROKER_PART === 'joiners' ? [] : [rotateKeys, backUp, probe, revoke, sweep];

/** It doesn't look at the request: an operator's token that comes here by mistake is not read. */
const elsewhere = ({ name, methods, route }: Endpoint, detail: string): PlainEndpoint => ({
  name,
  methods,
  route,
  answerPlainly() {
    throw new Refusal('misdirected', detail);
  },
});
