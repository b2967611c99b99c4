/** Writes an identity, and what else belongs to it, as one set of files. */
import type { TrustBundle } from '../shared/protocol/trust.ts';
import { writeFileSet } from './file-set.ts';
import { hostFiles } from './host-files.ts';
import { identityFiles } from './identity-files.ts';
import { stateFiles } from './instance-state.ts';
import type { IssuedCertificate } from './issued-certificate.ts';
import type { Joined } from './join-answer.ts';

/** The agent's own identity, with what it needs to go on after a restart. */
export const writeOwnIdentity = (
  path: string,
  { instance, trust, certificates: [own] }: Joined,
  now: Date,
): Promise<void> => {
  const identity =
    instance.bot === undefined
      ? hostFiles(own, trust.bundle)
      : identityFiles(instance.bot, own, trust.bundle, path);
  return writeFileSet(path, new Map([...identity, ...stateFiles(instance)]), now);
};

/** An identity for other programs. */
export const writeIdentity = (
  path: string,
  bot: string,
  certificate: IssuedCertificate,
  trust: TrustBundle,
  now: Date,
): Promise<void> => writeFileSet(path, identityFiles(bot, certificate, trust, path), now);
