/** Asks the broker about every document of a file before any of them is stored: it is all of them, or none. */
import { type BrokerClient, type Checked, isAmong, type StoredResource } from './broker-client.ts';
import { DocumentFailure, located, type ResourceDocument } from './documents.ts';
import { Failure } from './failure.ts';
import type { ResourceReference } from './kinds.ts';
import { ended, printable } from './printable.ts';

/** A document, and what it replaces; without that it is created. */
export interface Wish {
  readonly document: ResourceDocument;
  readonly stored: StoredResource | undefined;
}

/** What would be stored; `undefined` where somebody else was faster, which the write itself finds out again. */
export type Answered = Wish & { readonly checked: Checked | undefined };

/**
 * Throws with every refusal. With `strict` a reference to what is neither at the broker nor in the file is refused, too.
 */
export async function checkFirst(
  client: BrokerClient,
  wishes: readonly Wish[],
  strict: boolean,
): Promise<readonly Answered[]> {
  const coming = wishes.map(({ document }) => referenceOf(document));
  const answers: Answered[] = [];
  const refusals: string[] = [];
  for (const wish of wishes) {
    const { document, stored } = wish;
    try {
      const checked = await client.check(document.resource, stored?.etag);
      answers.push({ ...wish, checked });
      if (strict) refusals.push(...missing(document, checked, coming));
    } catch (error) {
      const failure = located(error, document);
      if (!(failure instanceof DocumentFailure)) throw failure;
      refusals.push(failure.message);
    }
  }
  if (refusals.length > 0) throw new Failure(refusals.join('\njoinctl: '));
  return answers;
}

export const referenceOf = ({ resource }: ResourceDocument): ResourceReference => ({
  kind: resource.kind,
  name: resource.metadata.name,
});

const missing = (
  { locate }: ResourceDocument,
  checked: Checked | undefined,
  coming: readonly ResourceReference[],
): readonly string[] =>
  (checked?.warnings ?? [])
    .filter((warning) => warning.missing && !isAmong(coming, warning.missing))
    .map(({ field, message }) => printable(ended(`${locate(field)}: ${field}: ${message}`)));
