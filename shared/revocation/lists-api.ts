/** The revocation lists, for the functions that serve them and for those that keep them up to date. */
import type { Call } from '../call.ts';
import type { RevokedInstance } from '../storage/revoked.ts';
import { createCurrentLists, type ListParts } from './current-lists.ts';
import type { Lists } from './make-lists.ts';
import { createListUpdates, type UpdateParts } from './update-lists.ts';

export interface ListsApi {
  /** The lists of now. Throws `unavailable`. */
  current(): Promise<Lists>;
  /** Looks for what has to come on the lists. A failure is told, and the next run tries again. */
  update(call: Told): Promise<void>;
  /** The same, and makes the lists, so that somebody sees if they can't be made. */
  tend(call: Told): Promise<void>;
}

type Told = Pick<Call, 'requestId' | 'log'>;

/** Who is told of it. */
interface Events {
  revoked(instances: readonly RevokedInstance[], call: Told): void;
  ran(result: 'ok' | 'failed'): void;
  failed(detail: string, call: Told): void;
  size(bytes: number): void;
  age(list: 'issuing' | 'root', seconds: number): void;
}

export function createListsApi(parts: ListParts & UpdateParts, events: Events): ListsApi {
  const current = createCurrentLists(parts);
  const run = createListUpdates(parts);

  async function attempt(work: () => Promise<void>, call: Told): Promise<void> {
    try {
      await work();
      events.ran('ok');
    } catch (error) {
      events.ran('failed');
      events.failed(`the revocation lists were not updated: ${sentenceOf(error)}`, call);
    }
  }

  async function update(call: Told): Promise<void> {
    const { revoked, failure } = await run();
    events.revoked(revoked, call);
    if (failure !== undefined) throw failure;
  }

  return {
    current,
    update: (call) => attempt(() => update(call), call),
    tend: (call) =>
      attempt(async () => {
        let failure: unknown;
        await update(call).catch((error: unknown) => {
          failure = error;
        });
        const { thisUpdate, rootUpdate, malformed, json } = await current();
        events.size(Buffer.byteLength(json));
        const age = (since: Date): number => (parts.now().getTime() - since.getTime()) / 1000;
        events.age('issuing', age(thisUpdate));
        if (rootUpdate) events.age('root', age(rootUpdate));
        if (failure !== undefined) throw failure;
        if (malformed > 0)
          throw new Error(
            `the table revoked has ${malformed} serial numbers or rows that are malformed, which no list has`,
          );
      }, call),
  };
}

const sentenceOf = (error: unknown): string =>
  error instanceof Error
    ? `${error.message}${error.cause ? `: ${error.cause}` : ''}`
    : String(error);
