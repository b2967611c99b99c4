/**
 * What keeps the lists up to date: looks for what instances have out that a lock is on, and has the root sign its own
 * list when that is due. Any number of these may run at once, or stop half-way: they converge.
 */
import type { Custody } from '../authority/custody.ts';
import type { Keyring } from '../authority/keyring.ts';
import { listName } from '../authority/x509.ts';
import { sameBytes } from '../encoding/certificate.ts';
import { isInForce, type Lock, type LockSubject } from '../resources/lock.ts';
import type { Instances } from '../storage/instances.ts';
import type { Resources, Snapshot } from '../storage/resources.ts';
import { nextVersion, type Revocations, type RevokedInstance } from '../storage/revoked.ts';
import { dueRevocations, type RevocationTarget, type SubjectOf } from './due-revocations.ts';
import { genuineRootList, isRootListDue, makeRootList } from './root-list.ts';

export interface UpdateParts {
  readonly resources: Pick<Resources, 'snapshot'>;
  readonly instances: Pick<Instances, 'listCertified'>;
  readonly subjectOf: SubjectOf;
  readonly revocations: Revocations;
  readonly keyring: Pick<Keyring, 'authorities'>;
  /** Without it the roots' lists are made elsewhere. */
  readonly custody: Pick<Custody, 'signWithRoot'> | undefined;
  readonly now: () => Date;
}

export interface UpdateReport {
  /** What came on the lists. */
  readonly revoked: readonly RevokedInstance[];
  /** Names of the roots that signed a list. */
  readonly signed: readonly string[];
  /** Why a root could not. */
  readonly failure: unknown;
}

/**
 * A join that had read its locks before this one was written may still write its row: a snapshot is good for five seconds, and
 * what follows takes three waits at most. So instances are looked for until one search began this long after.
 */
const SETTLED_SECONDS = 60;
/** An issuing key is taken back for one reason only. */
const LEAKED = 'cACompromise' as const;
/** A root's list is looked at this often: what it says changes by an operator's hand only, and then at once. */
const ROOT_CHECK_SECONDS = 600;

export function createListUpdates(parts: UpdateParts): () => Promise<UpdateReport> {
  const { resources, revocations, keyring, custody, now } = parts;
  let rootsCheckedAt = Number.NEGATIVE_INFINITY;
  let rootsKnown = '';

  /** Looks for what the locks of this snapshot are on, unless that was done often enough. */
  async function revokeLocked(): Promise<readonly RevokedInstance[]> {
    const snapshot = await resources.snapshot();
    const began = now();
    const seconds = Math.floor(began.getTime() / 1000);
    let head = await revocations.head();
    if (head.writing !== 0 && head.writing < seconds) {
      // Somebody stopped half-way: what he wrote is on the lists from here on.
      head = await revocations.updateHead((stopped) => ({
        ...nextVersion(stopped, began),
        writing: 0,
      }));
    }
    const { lockRevision: locks } = snapshot;
    if (head.locks !== locks) {
      head = await revocations.updateHead((before) =>
        before.locks === locks ? before : { ...before, locks, seen: seconds, settled: false },
      );
    }
    if (head.settled) return [];
    const { due, machines, isEmpty } = await search(snapshot, began);
    if (!isEmpty && seconds - head.seen < SETTLED_SECONDS) return due;
    await revocations.forgetMachines(machines);
    await revocations.updateHead((now) =>
      now.locks === locks && now.seen === head.seen ? { ...now, settled: true } : now,
    );
    return due;
  }

  async function search(snapshot: Snapshot, at: Date) {
    const known = await revocations.read();
    const targets = [
      ...known.machines.map(goneTarget),
      ...snapshot
        .all('lock')
        .filter((lock) => isInForce(lock, at))
        .map(lockTarget),
    ];
    if (targets.length === 0) return { due: [], machines: [], isEmpty: true };
    const due = dueRevocations(
      await parts.instances.listCertified(),
      targets,
      parts.subjectOf,
      known.instances.map(({ revoked }) => revoked),
      at,
    );
    await revocations.keep(due, known, at);
    return { due, machines: known.machines, isEmpty: false };
  }

  async function signRootLists(): Promise<string[]> {
    if (!custody) return [];
    const { roots, revoked: issuers } = await keyring.authorities();
    const at = now();
    const wanted = JSON.stringify([
      roots.map(({ publicKeyInfo }) => listName(publicKeyInfo)),
      issuers.map(({ serialNumber }) => Buffer.from(serialNumber).toString('hex')),
    ]);
    const isRecent = at.getTime() - rootsCheckedAt < ROOT_CHECK_SECONDS * 1000;
    if (isRecent && wanted === rootsKnown) return [];
    const { rootLists } = await revocations.read();
    const signed: string[] = [];
    for (const root of roots) {
      const name = listName(root.publicKeyInfo);
      const before = genuineRootList(rootLists.get(name), root, at);
      const revoked = issuers
        .filter((one) => sameBytes(one.root, root.certificate))
        .map(({ serialNumber, at }) => ({ serialNumber, revoked: at, reason: LEAKED }));
      if (!isRootListDue(before, revoked, at)) continue;
      await revocations.writeRootList(
        name,
        await makeRootList(root, revoked, before, custody, at),
        at,
      );
      signed.push(name);
    }
    rootsCheckedAt = at.getTime();
    rootsKnown = wanted;
    return signed;
  }

  return async () => {
    const revoked = await revokeLocked();
    try {
      return { revoked, signed: await signRootLists(), failure: undefined };
    } catch (failure) {
      return { revoked, signed: [], failure };
    }
  };
}

function lockTarget({ metadata, spec }: Lock): RevocationTarget {
  const [kind = '', value = ''] = Object.entries(spec.target)[0] ?? [];
  return { kind: kind as keyof LockSubject, value, reason: 'lock', by: metadata.name };
}

const goneTarget = (machine: string): RevocationTarget => ({
  kind: 'incarnation',
  value: machine,
  reason: 'gone',
  by: machine,
});
