/** Writes the agent's own identity, with what it needs to go on after a restart, as one set of files. */
import { writeFileSet } from './file-set.ts';
import { hostFiles } from './host-files.ts';
import { identityFiles } from './identity-files.ts';
import { stateFiles } from './instance-state.ts';
import type { Joined } from './join-answer.ts';

export const writeOwnIdentity = (
  path: string,
  {
    instance,
    trust: { bundle },
    certificates: [own],
  }: Pick<Joined, 'instance' | 'trust' | 'certificates'>,
  now: Date,
): Promise<void> => {
  const form = { directory: path, hosts: [], withOpensshKey: false };
  const identity =
    instance.bot === undefined
      ? hostFiles(own, bundle)
      : identityFiles(instance.bot, own, bundle, form);
  return writeFileSet(path, new Map([...identity, ...stateFiles(instance)]), now);
};
