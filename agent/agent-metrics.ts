/** How the agent is, as Prometheus reads it (text exposition format 0.0.4): times in Unix seconds. */
import { VERSION } from '../shared/protocol/version.ts';

export interface Health {
  /** Everything is written, and good now. */
  readonly isReady: boolean;
  /** Since the start. */
  readonly renewals: { readonly done: number; readonly failed: number };
  readonly renewedAt: Date | undefined;
  readonly renewAt: Date | undefined;
  /** The names of all places that there are to be. */
  readonly expected: readonly string[];
  /** The revocation lists that it has, where something is to have them. */
  readonly lists: { readonly thisUpdate: Date; readonly nextUpdate: Date } | undefined;
  readonly places: readonly {
    readonly id: string;
    readonly name: string;
    /** Whether it has the newest certificate, and that is good now. */
    readonly isReady: boolean;
    readonly isWritten: boolean;
    /** Of the certificate that belongs there. */
    readonly expires: Date | undefined;
  }[];
}

type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

export function metricsText({
  isReady,
  renewals,
  renewedAt,
  renewAt,
  lists,
  places,
}: Health): string {
  const optional = (time: Date | undefined): readonly Sample[] =>
    time ? [[{}, secondsOf(time)]] : [];
  return [
    metric('info', 'gauge', 'The version of this agent.', [[{ version: VERSION }, 1]]),
    metric('ready', 'gauge', '1 where everything is written and good now.', [
      [{}, Number(isReady)],
    ]),
    metric('renewals_total', 'counter', 'Rounds of joining and writing since the start.', [
      [{ result: 'done' }, renewals.done],
      [{ result: 'failed' }, renewals.failed],
    ]),
    metric('last_renewal_timestamp_seconds', 'gauge', 'The latest join.', optional(renewedAt)),
    metric('next_renewal_timestamp_seconds', 'gauge', 'When the next is due.', optional(renewAt)),
    metric(
      'revocation_lists_timestamp_seconds',
      'gauge',
      'When the revocation lists were made.',
      optional(lists?.thisUpdate),
    ),
    metric(
      'revocation_lists_expiry_timestamp_seconds',
      'gauge',
      'Until when they are good.',
      optional(lists?.nextUpdate),
    ),
    metric(
      'written',
      'gauge',
      '1 where the newest certificate is in its place.',
      places.map(({ name, isWritten }) => [{ place: name }, Number(isWritten)]),
    ),
    metric(
      'certificate_expiry_timestamp_seconds',
      'gauge',
      'The end of the certificate that belongs there.',
      places.flatMap(({ name, expires }) =>
        expires ? [[{ place: name }, secondsOf(expires)] as const] : [],
      ),
    ),
  ].join('');
}

function metric(
  name: string,
  type: 'gauge' | 'counter',
  help: string,
  samples: readonly Sample[],
): string {
  const lines = samples.map(([labels, value]) => `joinbot_${name}${labelsText(labels)} ${value}\n`);
  return `# HELP joinbot_${name} ${help}\n# TYPE joinbot_${name} ${type}\n${lines.join('')}`;
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

const escaped = (text: string): string =>
  text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');

const secondsOf = (time: Date): number => Math.floor(time.getTime() / 1000);
