/**
 * The `resources` table: one row for each resource, and a `revision` row that changes in the same transaction. Function
 * instances keep a snapshot of everything and ask for the revision every five seconds at most.
 */
import { createHash, randomUUID } from 'node:crypto';
import { withDeadline } from '../deadline.ts';
import type { OnLookup } from '../lookups.ts';
import type { ResourceKind } from '../protocol/resource.ts';
import type { JoinToken } from '../resources/join-token.ts';
import type { AnyResource, ResourceOf } from '../resources/resource.ts';
import { PRESET_ROLES } from '../resources/role.ts';
import type { Operation, Row, StoredRow, Table } from './table.ts';

export interface StoredResource {
  readonly resource: AnyResource;
  readonly etag: string;
}

/** What was written. */
export interface Saved {
  /** Its new ETag; none where somebody else has changed or removed it at once, or it can't be read now. */
  readonly etag: string | undefined;
}

/** Every resource at one moment. */
export interface Snapshot {
  get<K extends ResourceKind>(kind: K, name: string): ResourceOf[K] | undefined;
  all<K extends ResourceKind>(kind: K): readonly ResourceOf[K][];
  /** The join token that a request names: by its name, or by `sha256:` and the hash of its secret. */
  joinToken(reference: string): JoinToken | undefined;
  /** Another text each time that an operator changed the keys of the authorities. */
  readonly keysChanged: string | undefined;
  /** Another text after every write of a lock, and after every removal. */
  readonly lockRevision: string;
}

export interface Resources {
  /** What holds now, give or take five seconds. */
  snapshot(): Promise<Snapshot>;
  /**
   * The same, as far as it is at hand: nobody is asked. `undefined` where it has to be asked for, for this join token's
   * sake too.
   */
  known(joinToken: string): Snapshot | undefined;
  /** The newest that was read so far, however old: nobody is asked. */
  latest(): Snapshot | undefined;
  /**
   * What holds now, at most a cooldown old: for whoever may need what an operator changed a moment ago. However many ask,
   * storage is asked once per cooldown (rule 8).
   */
  newest(): Promise<Snapshot>;
  /**
   * The same. A secret's hash that it doesn't have is looked for among newer resources, at most once per cooldown: a join
   * token that was made a second ago works at once, and garbage costs nothing (rule 8).
   */
  snapshotWith(joinToken: string): Promise<Snapshot>;
  read(kind: ResourceKind, name: string): Promise<StoredResource | undefined>;
  /** One page of a kind in the order of names, and the name to go on after. */
  list(
    kind: ResourceKind,
    after: string | undefined,
    most: number,
  ): Promise<{ items: readonly StoredResource[]; next: string | undefined }>;
  /** `undefined` if it exists already. */
  create(resource: AnyResource): Promise<Saved | undefined>;
  /** `undefined` if it has changed since, or is gone. `*` replaces whatever is there. */
  replace(resource: AnyResource, etag: string): Promise<Saved | undefined>;
  /** `false` if it has changed since. What is gone counts as removed: the answer to our own try may have been lost. */
  remove(kind: ResourceKind, name: string, etag: string): Promise<boolean>;
  /** The latest snapshot's `keysChanged`: what every function instance knows within five seconds of its next join. */
  keysChanged(): string | undefined;
  /** Tells all function instances that an operator changed the keys. */
  tellKeysChanged(): Promise<void>;
}

/** How long a change may take to be noticed by every function instance. */
const SNAPSHOT_SECONDS = 5;
const COOLDOWN_SECONDS = 2;

const PARTITION = 'config';
const REVISION = 'revision';
/** No resource: a note beside them, since they are what every join reads anyway. */
const KEYS_CHANGED = 'keys-changed';

export function createResources(
  table: Table,
  now: () => Date,
  onLookup: OnLookup = () => {},
): Resources {
  let cached: { readonly snapshot: Snapshot; readonly revision: string } | undefined;
  let checkedAt = Number.NEGATIVE_INFINITY;
  let pending: Promise<Snapshot> | undefined;
  let lookedAt = Number.NEGATIVE_INFINITY;

  async function reload(): Promise<Snapshot> {
    const startedAt = now().getTime();
    const row = (await table.read(PARTITION, REVISION)) ?? (await createPresets());
    const revision = String(row?.values['revision']);
    if (cached?.revision !== revision) {
      // Read after the revision: a change in between makes the next check reload once more.
      cached = { snapshot: snapshotOf(await table.list({ partition: PARTITION })), revision };
    }
    checkedAt = startedAt;
    return cached.snapshot;
  }

  const reloadInTime = (): Promise<Snapshot> =>
    withDeadline(reload, 'table storage does not answer');

  /** The very first thing that is written, all at once: whoever comes second finds the revision row. */
  async function createPresets(): Promise<StoredRow | undefined> {
    const presets = PRESET_ROLES.map(
      (role) => ({ kind: 'insert', row: rowOf(role, 'preset') }) as const,
    );
    await table.apply([...presets, { kind: 'insert', row: revisionRow() }]);
    return table.read(PARTITION, REVISION);
  }

  const atHand = (at: number) => (at - checkedAt < SNAPSHOT_SECONDS * 1000 ? cached : undefined);

  const isCool = (at: number): boolean => at - lookedAt >= COOLDOWN_SECONDS * 1000;

  /** Whether a secret's hash that isn't known is to be looked for among newer resources. */
  const isWorthLooking = (joinToken: string, known: Snapshot, at: number): boolean =>
    joinToken.startsWith(SECRET) && !known.joinToken(joinToken) && isCool(at);

  function known(joinToken: string): Snapshot | undefined {
    const at = now().getTime();
    const snapshot = atHand(at)?.snapshot;
    return snapshot && !isWorthLooking(joinToken, snapshot, at) ? snapshot : undefined;
  }

  async function snapshot(): Promise<Snapshot> {
    const hit = atHand(now().getTime());
    onLookup(hit ? 'hit' : 'miss');
    if (hit) return hit.snapshot;
    pending ??= reloadInTime().finally(() => {
      pending = undefined;
    });
    return pending;
  }

  async function newest(): Promise<Snapshot> {
    const at = now().getTime();
    if (isCool(at)) {
      lookedAt = at;
      checkedAt = Number.NEGATIVE_INFINITY;
    }
    return snapshot();
  }

  async function snapshotWith(joinToken: string): Promise<Snapshot> {
    const found = await snapshot();
    return isWorthLooking(joinToken, found, now().getTime()) ? newest() : found;
  }

  /** Whoever asks first finds the presets there, too. */
  async function started(): Promise<void> {
    if (!cached) await snapshot();
  }

  /** Writes together with a new revision. Every row carries the id of the write that made it. */
  async function write(operation: Operation): Promise<boolean> {
    await started();
    try {
      return await table.apply([operation, { kind: 'put', row: revisionRow() }]);
    } finally {
      // Where the answer is lost it may be done all the same.
      checkedAt = Number.NEGATIVE_INFINITY;
    }
  }

  /**
   * Reads back whatever came: an answer may be lost, and a refusal may be of our own write, tried again by the SDK
   * (rule 16). What was acknowledged was done, whatever became of it since.
   */
  async function save(resource: AnyResource, etag: string | undefined): Promise<Saved | undefined> {
    const writeId = randomUUID();
    const row = rowOf(resource, writeId);
    const operation: Operation =
      etag === undefined ? { kind: 'insert', row } : { kind: 'replace', row, etag };
    const [written] = await Promise.allSettled([write(operation)]);
    const [found] = await Promise.allSettled([table.read(PARTITION, row.key)]);
    const stored = found.status === 'fulfilled' ? found.value : undefined;
    if (stored?.values['writeId'] === writeId) return { etag: stored.etag };
    if (written.status === 'rejected') throw written.reason;
    if (written.value) return { etag: undefined };
    if (found.status === 'rejected') throw found.reason;
    return undefined;
  }

  return {
    snapshot,
    known,
    latest: () => cached?.snapshot,
    newest,
    snapshotWith,
    async read(kind, name) {
      await started();
      const row = await table.read(PARTITION, rowKey(kind, name));
      return row && storedResource(row);
    },
    async list(kind, after, most) {
      await started();
      const rows = (await table.list({ partition: PARTITION })).filter(
        ({ key }) =>
          key.startsWith(`${kind}!`) && (after === undefined || key > rowKey(kind, after)),
      );
      const items = rows.slice(0, most).map(storedResource);
      return { items, next: rows.length > most ? items.at(-1)?.resource.metadata.name : undefined };
    },
    create: (resource) => save(resource, undefined),
    replace: (resource, etag) => save(resource, etag),
    async remove(kind, name, etag) {
      const key = rowKey(kind, name);
      if (await write({ kind: 'remove', partition: PARTITION, key, etag })) return true;
      // A refusal may be of our own removal, tried again by the SDK (rule 16).
      return (await table.read(PARTITION, key)) === undefined;
    },
    keysChanged: () => cached?.snapshot.keysChanged,
    async tellKeysChanged() {
      const values = { changed: randomUUID() };
      await write({ kind: 'put', row: { partition: PARTITION, key: KEYS_CHANGED, values } });
      await snapshot();
    },
  };
}

/** What stands before a secret's hash where a request names a join token by it. */
const SECRET = 'sha256:';

const rowKey = (kind: ResourceKind, name: string): string => `${kind}!${name}`;

const rowOf = (resource: AnyResource, writeId: string): Row => ({
  partition: PARTITION,
  key: rowKey(resource.kind, resource.metadata.name),
  values: { json: JSON.stringify(resource), writeId },
});

const revisionRow = (): Row => ({
  partition: PARTITION,
  key: REVISION,
  values: { revision: randomUUID() },
});

const storedResource = (row: StoredRow): StoredResource => ({
  resource: resourceOf(row),
  etag: row.etag,
});

/** Rows were checked before they were written. */
const resourceOf = ({ values }: StoredRow): AnyResource =>
  JSON.parse(String(values['json'])) as AnyResource;

function snapshotOf(rows: readonly StoredRow[]): Snapshot {
  const resources = new Map(
    rows
      .filter(({ key }) => key !== REVISION && key !== KEYS_CHANGED)
      .map((row) => [row.key, resourceOf(row)]),
  );
  const changed = rows.find(({ key }) => key === KEYS_CHANGED)?.values['changed'];
  const byKind = Map.groupBy(resources.values(), ({ kind }) => kind);
  const all = <K extends ResourceKind>(kind: K) =>
    (byKind.get(kind) ?? []) as readonly AnyResource[] as readonly ResourceOf[K][];
  const get = <K extends ResourceKind>(kind: K, name: string) =>
    resources.get(rowKey(kind, name)) as ResourceOf[K] | undefined;
  const bySecret = new Map<string, JoinToken>(
    all('token').flatMap((token) => {
      const { spec } = token;
      if (spec.join_method !== 'token' || spec.secret_sha256 === undefined) return [];
      return [[`${SECRET}${spec.secret_sha256}`, token] as const];
    }),
  );
  return {
    get,
    all,
    keysChanged: changed === undefined ? undefined : String(changed),
    joinToken: (reference) =>
      reference.startsWith(SECRET) ? bySecret.get(reference) : get('token', reference),
    lockRevision: revisionOfLocks(rows),
  };
}

/** From the ids of the writes that made them: a lock that was taken away and made again is another one. */
function revisionOfLocks(rows: readonly StoredRow[]): string {
  const writes = rows
    .filter(({ key }) => key.startsWith(rowKey('lock', '')))
    .map(({ key, values }) => JSON.stringify([key, values['writeId']]))
    .toSorted();
  return createHash('sha256').update(writes.join('\n')).digest('base64url');
}
