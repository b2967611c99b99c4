/**
 * What an app answers and runs where a broker is two apps. Both have the same addresses: what the other one answers says so,
 * and where that is.
 */
import { Refusal } from '../shared/refusal.ts';
import type { Settings } from '../shared/settings.ts';
import {
  backUpAuthorities,
  getAuthorities,
  initAuthorities,
  restoreAuthorities,
  retireRoot,
  rotateAuthority,
} from './authorities.ts';
import { openapi } from './documents.ts';
import type { BrokerEndpoint, Endpoint, PlainEndpoint } from './endpoint.ts';
import { endpoints } from './endpoints.ts';
import { healthz, readyz } from './health.ts';
import { NOT_FOUND } from './not-found.ts';
import { checkReader } from './operator-call.ts';
import { backUp, probe, revoke, rotateKeys, sweep, type TimerFunction } from './timers.ts';
import { find, ping } from './webapi.ts';

type Split = Pick<
  Settings,
  'JOIN_BROKER_PART' | 'JOIN_BROKER_AUTHORITY_URL' | 'JOIN_BROKER_PUBLIC_URL'
>;

const namesOf = (some: readonly Endpoint[]): readonly string[] => some.map(({ name }) => name);

const CHANGES_AUTHORITIES = namesOf([
  initAuthorities,
  rotateAuthority,
  restoreAuthorities,
  retireRoot,
]);

/** Beside it: what operators need to sign in there and to look around, and nothing that a stranger could send evidence to. */
const OF_AUTHORITY: readonly string[] = [
  ...CHANGES_AUTHORITIES,
  ...namesOf([getAuthorities, backUpAuthorities, healthz, readyz, find, ping, openapi]),
  NOT_FOUND,
];

/** Without settings, which can't be read, it is the whole broker. */
export function endpointsOf(settings: Split | undefined): readonly Endpoint[] {
  switch (settings?.JOIN_BROKER_PART) {
    case 'requests': {
      const { JOIN_BROKER_AUTHORITY_URL: authority = '' } = settings;
      return endpoints.map((one) =>
        CHANGES_AUTHORITIES.includes(one.name) ? atAuthority(one, authority) : one,
      );
    }
    case 'authority': {
      const { JOIN_BROKER_PUBLIC_URL: requests = '' } = settings;
      return endpoints.map((one) =>
        OF_AUTHORITY.includes(one.name) ? one : atRequests(one, requests),
      );
    }
    default:
      return endpoints;
  }
}

/** The app that machines reach runs none: nothing that they can break stops rotation. */
export const timersOf = (settings: Split | undefined): readonly TimerFunction[] =>
  settings?.JOIN_BROKER_PART === 'requests' ? [] : [rotateKeys, backUp, probe, revoke, sweep];

/** Told to operators only. */
const atAuthority = ({ name, methods, route }: Endpoint, url: string): BrokerEndpoint => ({
  name,
  methods,
  route,
  async answer(exchange) {
    await checkReader(exchange);
    throw new Refusal(
      'misdirected',
      `the authorities are changed at ${url} (joinctl --proxy=${new URL(url).host})`,
    );
  },
});

const atRequests = ({ name, methods, route }: Endpoint, url: string): PlainEndpoint => ({
  name,
  methods,
  route,
  answerPlainly() {
    throw new Refusal('misdirected', `only the authorities are kept here: ask ${url}`);
  },
});
