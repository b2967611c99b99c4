/** Facts of an attempt for the audit line, told as they become known, so that a denial has those that came before it. */
import type { JoinEvent } from '../telemetry/telemetry.ts';

export type Report = (facts: Partial<JoinEvent>) => void;
