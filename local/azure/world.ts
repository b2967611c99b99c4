/** What the parts of one cloud share. Nothing of it is global. */

import type { RsaKeySource } from './certificates/rsa-keys.ts';
import type { MicrosoftPki } from './certificates/signing-chain.ts';
import type { CallLog } from './services/calls.ts';

export interface World {
  readonly now: () => Date;
  readonly keys: RsaKeySource;
  readonly pki: MicrosoftPki;
  readonly calls: CallLog;
  /** The cloud's services, in process. */
  fetch(request: Request): Promise<Response>;
}
