/** Lists that the broker answers page by page. */
import { Failure } from './failure.ts';

export interface Page<T> {
  readonly items: readonly T[];
  readonly next?: string | undefined;
}

/** The items of all pages. `fetchPage` is given what the page before named as the next one. */
export async function allPages<T>(
  broker: string,
  fetchPage: (next: string | undefined) => Promise<Page<T>>,
): Promise<readonly T[]> {
  const items: T[] = [];
  let next: string | undefined;
  do {
    const page = await fetchPage(next);
    if (page.next !== undefined && page.next === next)
      throw new Failure(`${broker} lists the same page again and again.`);
    items.push(...page.items);
    next = page.next;
  } while (next !== undefined);
  return items;
}
