/**
 * The lists as they are served: looked for again every five seconds, made anew when anything has changed and once an hour.
 * While storage is down the last ones are served for as long as they are good.
 */
import type { Authorities } from '../authority/authorities.ts';
import type { Keyring } from '../authority/keyring.ts';
import { listName } from '../authority/x509.ts';
import { DEADLINE_MS, withDeadline } from '../deadline.ts';
import { Refusal, unavailable } from '../refusal.ts';
import type { Resources } from '../storage/resources.ts';
import type { Head, Revocations, RevokedRows } from '../storage/revoked.ts';
import { type Lists, listVersion, makeLists } from './make-lists.ts';

export interface ListParts {
  readonly cluster: string;
  readonly keyring: Pick<Keyring, 'authorities'>;
  readonly resources: Pick<Resources, 'snapshot'>;
  readonly revocations: Pick<Revocations, 'head' | 'read'>;
  readonly now: () => Date;
}

const CHECKED_SECONDS = 5;

/** Gives the lists of now. Throws `unavailable` where there are none. */
export function createCurrentLists({
  cluster,
  keyring,
  resources,
  revocations,
  now,
}: ListParts): () => Promise<Lists> {
  let rows:
    | { readonly head: Head; readonly version: number; readonly read: RevokedRows }
    | undefined;
  let made: { readonly lists: Lists; readonly of: string } | undefined;
  let checkedAt = Number.NEGATIVE_INFINITY;
  let pending: Promise<Lists> | undefined;
  let failure: unknown;

  async function check(): Promise<Lists> {
    checkedAt = now().getTime();
    // With it comes the word of keys that were replaced: an instance that issues nothing would hear of a leak minutes later.
    await resources.snapshot();
    const authorities = await keyring.authorities();
    const head = await revocations.head();
    const version = listVersion(head.version, authorities, now());
    if (rows?.head.version !== head.version || rows.version !== version)
      rows = { head, version, read: await revocations.read() };
    const of = JSON.stringify([version, namesOf(authorities)]);
    if (made?.of !== of)
      made = { of, lists: await makeLists(rows.read, version, authorities, cluster, now()) };
    return made.lists;
  }

  const good = (): Lists | undefined =>
    made && made.lists.nextUpdate > now() ? made.lists : undefined;

  return async () => {
    const known = good();
    if (now().getTime() - checkedAt < CHECKED_SECONDS * 1000 && !pending) {
      if (known) return known;
      if (failure !== undefined) throw asUnavailable(failure);
    }
    pending ??= check()
      .then(
        (lists) => {
          failure = undefined;
          return lists;
        },
        (error: unknown) => {
          failure = error;
          throw error;
        },
      )
      .finally(() => {
        pending = undefined;
      });
    // It goes on when nobody waits any more: a large table takes its time once.
    pending.catch(() => undefined);
    const current = pending;
    try {
      return await withDeadline(() => current, 'the revocation lists are being made', DEADLINE_MS);
    } catch (error) {
      const still = good();
      if (still) return still;
      throw asUnavailable(error);
    }
  };
}

/** Which lists there have to be, and who signs for them. */
const namesOf = ({ issuers, roots, issuing, sshUserCas, sshHostCas, revokedSsh }: Authorities) => [
  [...issuers, ...roots, issuing].map(({ publicKeyInfo }) => listName(publicKeyInfo)),
  [...sshUserCas, ...sshHostCas, ...revokedSsh.map(({ key }) => key)].map(({ fields }) =>
    Buffer.from(fields).toString('base64'),
  ),
];

const asUnavailable = (error: unknown): Refusal =>
  error instanceof Refusal
    ? error
    : unavailable('the revocation lists can not be made now', undefined, error);
