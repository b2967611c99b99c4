/**
 * The changes that no test can notice, or that none needs to, with the reason, room by room. A change that is explained
 * here and that no longer survives is an error, too.
 */
import { AGENT } from './agent.ts';
import { ATTESTATION } from './attestation.ts';
import { AUTHORITY } from './authority.ts';
import { ELSEWHERE } from './elsewhere.ts';
import { ENCODING } from './encoding.ts';
import type { Explained } from './explanation.ts';
import { JOINING } from './joining.ts';
import { STORAGE } from './storage.ts';

export const EXPLAINED: Explained = {
  ...AGENT,
  ...ATTESTATION,
  ...AUTHORITY,
  ...ELSEWHERE,
  ...ENCODING,
  ...JOINING,
  ...STORAGE,
};
