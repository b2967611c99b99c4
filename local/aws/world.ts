/** What the parts of one simulated AWS share. Nothing of it is global. */
import type { CallLog } from '../azure/services/calls.ts';
import type { CredentialStore } from './credentials.ts';

export interface AwsWorld {
  readonly now: () => Date;
  readonly credentials: CredentialStore;
  readonly calls: CallLog;
}
