/** Writes the agent's own identity, with what it needs to go on after a restart, as one set of files. */
import { type FileSet, writeFileSet } from './file-set.ts';
import { hostFiles } from './host-files.ts';
import { identityFiles } from './identity-files.ts';
import { stateFiles } from './instance-state.ts';
import type { Joined } from './join-answer.ts';
import { KRL_FILE, keptLists } from './revocation/list-files.ts';

/** Revocation lists that are not given stay as they are there: without one a Node's `sshd` would refuse everybody. */
export const writeOwnIdentity = (
  path: string,
  {
    instance,
    trust: { bundle },
    certificates: [own],
  }: Pick<Joined, 'instance' | 'trust' | 'certificates'>,
  now: Date,
  lists: FileSet = new Map(),
): Promise<void> => {
  const form = { directory: path, hosts: [], withOpensshKey: false, withRevokedHosts: false };
  const identity =
    instance.bot === undefined
      ? hostFiles(own, bundle)
      : identityFiles(instance.bot, own, bundle, form);
  const kept = keptLists(instance.role === 'Node' ? [KRL_FILE] : []);
  const files = new Map([...identity, ...stateFiles(instance), ...lists]);
  return writeFileSet(path, files, now, undefined, kept);
};
