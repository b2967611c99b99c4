/** Everything that the agent touches outside itself, passed in so that tests need no clock, network or signal. */
import type { SendHttp } from './http.ts';
import type { Log } from './log.ts';
import type { MachinePrograms } from './machine-programs.ts';

export interface Clock {
  now(): Date;
  /** Resolves after this time, or as soon as the signal is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export interface Effects {
  readonly clock: Clock;
  /** A number from 0 up to 1, for jitter only. */
  readonly random: () => number;
  /** The broker, and downloads of certificates. */
  readonly web: SendHttp;
  /** The metadata service, or the Kubernetes cluster that the agent runs in: never through a proxy. */
  readonly imds: SendHttp;
  readonly programs: MachinePrograms;
  readonly log: Log;
  /** Aborted when the agent is to stop. */
  readonly stop: AbortSignal;
}
