/**
 * The backup that the timer makes: the same file as `joinctl auth backup`, in a container of blobs that keeps what is
 * overwritten or deleted. A bundle of its own.
 */
import { withDeadline } from '../deadline.ts';
import { BACKUP_FORMAT, type BackupFile, type HeldNameRecord } from '../protocol/backup.ts';
import { type Resource, resourceKind } from '../protocol/resource.ts';
import { formatTimestamp } from '../protocol/values.ts';
import type { AuthoritiesApi } from './authorities-api.ts';
import type { NamesApi } from './names-api.ts';
import type { ResourceApi } from './resource-api.ts';

export interface BackupSource {
  readonly cluster: string;
  readonly authorities: Pick<AuthoritiesApi, 'backUp'>;
  readonly resources: Pick<ResourceApi, 'list'>;
  readonly names: Pick<NamesApi, 'list'>;
}

export interface BackupContainer {
  /** `https://<account>.blob.core.windows.net/<container>`. */
  readonly url: string;
  /** A token for Azure Storage. */
  readonly accessToken: () => Promise<string>;
  readonly fetch: typeof fetch;
}

/** For a file of some megabytes. */
const UPLOAD_MS = 60_000;
const CREATED = 201;
const EXISTS = 409;

export async function backUp(
  source: BackupSource,
  container: BackupContainer,
  at: Date,
): Promise<void> {
  const file: BackupFile = {
    format: BACKUP_FORMAT,
    cluster: source.cluster,
    made: formatTimestamp(at),
    ...(await keysOf(source)),
    resources: await resourcesOf(source),
    names: await namesOf(source),
  };
  const name = `${source.cluster}/${file.made.replaceAll(':', '-')}.json`;
  await put(container, name, JSON.stringify(file));
}

async function keysOf({
  authorities,
}: BackupSource): Promise<Pick<BackupFile, 'ca_pins' | 'keys'>> {
  const { ca_pins, rows } = await authorities.backUp();
  return { ca_pins, keys: rows };
}

async function resourcesOf({ resources }: BackupSource): Promise<Resource[]> {
  const all: Resource[] = [];
  for (const kind of resourceKind.options) {
    let next: string | undefined;
    do {
      const page = await resources.list(kind, next ?? null);
      all.push(...page.items);
      next = page.next;
    } while (next !== undefined);
  }
  return all;
}

async function namesOf({ names }: BackupSource): Promise<HeldNameRecord[]> {
  const all: HeldNameRecord[] = [];
  let next: string | undefined;
  do {
    const page = await names.list(next ?? null);
    all.push(...page.items);
    next = page.next;
  } while (next !== undefined);
  return all;
}

/** Put Blob (https://learn.microsoft.com/rest/api/storageservices/put-blob). What is there is never overwritten. */
async function put(
  { url, accessToken, fetch }: BackupContainer,
  name: string,
  body: string,
): Promise<void> {
  const authorization = `Bearer ${await accessToken()}`;
  const { status } = await withDeadline(
    (signal) =>
      fetch(`${url}/${name}`, {
        method: 'PUT',
        redirect: 'manual',
        signal: signal as AbortSignal,
        headers: {
          authorization,
          'content-type': 'application/json',
          'if-none-match': '*',
          'x-ms-blob-type': 'BlockBlob',
          'x-ms-version': '2023-11-03',
        },
        body,
      }),
    'the container of backups does not answer',
    UPLOAD_MS,
  );
  // Another run of the same second made it.
  if (status !== CREATED && status !== EXISTS)
    throw new Error(`the container of backups answers ${status}`);
}
