/** How a probe ends that did not pass. */
import type { Dimensions } from '../telemetry/metrics.ts';

export type ProbeName = Dimensions<'probes'>['probe'];
export type ProbeResult = Dimensions<'probes'>['result'];

/** A probe throws one where it does not pass. The message is for the audit event. */
export class Finding extends Error {
  override readonly name = 'Finding';
  readonly result: Exclude<ProbeResult, 'passed'>;

  constructor(result: Finding['result'], message: string) {
    super(message);
    this.result = result;
  }
}

/** The broker did what it must never do. */
export const failed = (what: string): Finding => new Finding('failed', what);

/** The broker could not be asked. */
export const unreachable = (why: string): Finding => new Finding('unreachable', why);

/** This probe is not possible here. */
export const skipped = (why: string): Finding => new Finding('skipped', why);
