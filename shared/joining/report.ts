/** Facts of an attempt for the audit line, told as they become known, so that a denial has those that came before it. */
import type { JoinEvent } from '../telemetry/telemetry.ts';

/** `known`: a rule names the machine, or it is an instance of ours. Attempts of others are sampled, not all written. */
export type Report = (facts: Partial<JoinEvent> & { readonly known?: true }) => void;
