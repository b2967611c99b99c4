/** Lists that the broker answers page by page. */
import { Failure } from './failure.ts';

export interface Page<T> {
  readonly items: readonly T[];
  readonly next?: string | undefined;
}

/** Gives a page; it is told what the page before named as the next one. */
type FetchPage<T> = (next: string | undefined) => Promise<Page<T>>;

/** The items of all pages. */
export const allPages = async <T>(broker: string, fetchPage: FetchPage<T>): Promise<readonly T[]> =>
  (await firstOfPages(broker, Infinity, fetchPage)).items;

/** So many items at the most, and whether there are more. */
export async function firstOfPages<T>(
  broker: string,
  most: number,
  fetchPage: FetchPage<T>,
): Promise<{ readonly items: readonly T[]; readonly isCut: boolean }> {
  const items: T[] = [];
  const isWhole = await eachPage(broker, fetchPage, (found) => {
    items.push(...found);
    return items.length < most;
  });
  return { items: items.slice(0, most), isCut: !isWhole || items.length > most };
}

/** Page after page, for as long as more are wanted. Whether that was all of them. */
export async function eachPage<T>(
  broker: string,
  fetchPage: FetchPage<T>,
  onPage: (items: readonly T[]) => boolean,
): Promise<boolean> {
  let next: string | undefined;
  do {
    const page = await fetchPage(next);
    if (page.next !== undefined && page.next === next)
      throw new Failure(`${broker} lists the same page again and again.`);
    next = page.next;
    if (!onPage(page.items)) return next === undefined;
  } while (next !== undefined);
  return true;
}
