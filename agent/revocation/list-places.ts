/** Revocation lists where certificates are: written along with them, and between renewals where they have changed. */
import type { Effects } from '../effects.ts';
import { amendFileSet, type FileSet, readSetFile } from '../file-set.ts';
import { writeSecret } from '../kubernetes.ts';
import type { KubernetesSecret } from '../settings.ts';
import type { AcceptedLists } from './accept-lists.ts';
import { KRL_FILE, keptLists, type ListFile, listFiles, saysOf } from './list-files.ts';

/** What a place with lists can do beside holding certificates. */
export interface ListPlace {
  readonly hasLists?: boolean;
  /**
   * Writes the lists between renewals, where they say something new, half of their time is over, or the files are gone. Whether
   * anything was written. Throws a `Failure`.
   */
  readonly amend?: (lists: AcceptedLists | undefined) => Promise<boolean>;
}

export interface PlacedLists {
  readonly place: ListPlace;
  /** To be written along with certificates. */
  readonly files: (lists: AcceptedLists | undefined) => FileSet;
  /** That they were. */
  readonly written: (lists: AcceptedLists | undefined) => void;
}

/** Who manages the lists of a secret, for the cluster: another than who manages its certificates, which has no lists to show. */
const LIST_MANAGER = 'joinbot-revocation';

export function listsIn(
  directory: string,
  names: readonly ListFile[],
  prepare: ((version: string) => Promise<void>) | undefined,
  { clock }: Pick<Effects, 'clock'>,
): PlacedLists {
  return placed(names, clock, async (lists, due) => {
    const there = await Promise.all(names.map((name) => readSetFile(directory, name)));
    const missing = names.filter((_, position) => !there[position]?.length);
    const empty = [...keptLists(missing)].flatMap(([name, content]) =>
      content ? [[name, content] as const] : [],
    );
    const files = new Map([...empty, ...listFiles([...missing, ...due], lists)]);
    return files.size > 0 && (await amendFileSet(directory, files, clock.now(), prepare));
  });
}

/** The cluster is not asked what is there. */
export const listsInSecret = (
  secret: KubernetesSecret,
  names: readonly ListFile[],
  effects: Pick<Effects, 'clock' | 'imds' | 'stop'>,
): PlacedLists =>
  placed(names, effects.clock, async (lists, due) => {
    const files = listFiles(due, lists);
    if (files.size > 0) await writeSecret(secret, files, effects, LIST_MANAGER);
    return files.size > 0;
  });

type Write = (lists: AcceptedLists | undefined, due: readonly ListFile[]) => Promise<boolean>;

/** Remembers what was written, so that only what says something new is written, or what half of its time is over of. */
function placed(names: readonly ListFile[], clock: Effects['clock'], write: Write): PlacedLists {
  let before: AcceptedLists | undefined;

  /** `sshd` takes a list of any age. */
  const isDue = (name: ListFile, lists: AcceptedLists): boolean =>
    saysOf(name, before) !== saysOf(name, lists) ||
    (name !== KRL_FILE && before !== undefined && isLaterHalf(before, lists, clock.now()));

  const written = (lists: AcceptedLists | undefined): void => {
    if (lists) before = lists;
  };
  const amend = async (lists: AcceptedLists | undefined): Promise<boolean> => {
    const due = lists ? names.filter((name) => isDue(name, lists)) : [];
    const done = await write(lists, due);
    if (due.length > 0) written(lists);
    return done;
  };
  return {
    place: names.length > 0 ? { hasLists: true, amend } : {},
    files: (lists) => listFiles(names, lists),
    written,
  };
}

/** Whether half of their time is over, and newer ones are there. */
const isLaterHalf = (before: AcceptedLists, lists: AcceptedLists, now: Date): boolean =>
  lists.nextUpdate > before.nextUpdate &&
  now.getTime() * 2 >= before.thisUpdate.getTime() + before.nextUpdate.getTime();
