/** Names of hosts belong to the machine that first got them: claimed before an instance is written, never after. */
import { denied } from '../refusal.ts';
import type { HostNameStore, NameHolder } from '../storage/host-names.ts';
import type { Revocations } from '../storage/revoked.ts';
import type { Report } from './report.ts';

export interface NameParts {
  readonly names: HostNameStore;
  readonly revocations: Pick<Revocations, 'expectMachine'>;
}

/** Gives those that were free. Throws `host_name_taken` where another machine has one of them, or a later one of the same resource id. */
export async function claimNames(
  names: readonly string[],
  holder: NameHolder,
  { names: store, revocations }: NameParts,
  at: Date,
  report: Report,
): Promise<readonly string[]> {
  if (names.length === 0) return [];
  report({ names });
  // The machine that is gone left certificates. They are told of before anybody forgets whose they are.
  const claim = await store.claim(names, holder, at, ({ incarnation }) =>
    revocations.expectMachine(incarnation, at),
  );
  if (!claim.ok) {
    const { name, machine, owner } = claim.taken;
    if (machine === holder.machine) {
      throw denied(
        'host_name_taken',
        `${name} belongs to the machine that was made anew under this one's resource id: the evidence is that of one that is gone`,
        { denied_name: name },
      );
    }
    throw denied(
      'host_name_taken',
      `${name} belongs to another machine (${machine}, ${owner}): free it with joinctl nodes rm ${name} if that one is gone`,
      { denied_name: name },
    );
  }
  const [before] = claim.before;
  if (before) report({ took_over: before.instance });
  return claim.added;
}
