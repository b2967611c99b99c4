/** The lists as the broker signed them, kept over restarts: so that nobody who holds newer ones back can bring older ones. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { type RevocationLists, revocationLists } from '../../shared/protocol/revocation.ts';
import { parseJsonWith } from '../../shared/protocol/schema.ts';
import { orUndefined, withPlainErrors, writeDurably } from '../durable-file.ts';

const FILE = 'revocation-lists.json';
/** More than those that are fetched can be. */
const MOST_BYTES = 24 * 1024 * 1024;

const contents = z.strictObject({
  version: z.literal(1),
  etag: z.optional(z.string()),
  lists: revocationLists,
});

export interface StoredLists {
  readonly lists: RevocationLists;
  readonly etag?: string | undefined;
}

/** `undefined` where there are none, or none that can be read. Nothing is verified. Throws a `Failure`. */
export const loadLists = (directory: string): Promise<StoredLists | undefined> =>
  withPlainErrors(directory, async () => {
    const path = join(directory, FILE);
    const entry = await orUndefined(stat(path));
    if (!entry || entry.size > MOST_BYTES) return undefined;
    const parsed = parseJsonWith(contents, (await orUndefined(readFile(path, 'utf8'))) ?? '');
    return parsed.ok ? parsed.value : undefined;
  });

/** Resolves once they are on the disk. Throws a `Failure`. */
export const storeLists = (directory: string, { lists, etag }: StoredLists): Promise<void> =>
  withPlainErrors(directory, () =>
    writeDurably(directory, FILE, `${JSON.stringify({ version: 1, etag, lists })}\n`),
  );
