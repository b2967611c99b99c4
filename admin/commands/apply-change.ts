/** Carries out one change of `joinctl apply`, only if the resource is still the one that was read. */
import type { BrokerClient } from '../broker-client.ts';
import { located } from '../documents.ts';
import { Failure } from '../failure.ts';
import type { Io } from '../io.ts';
import { display } from '../kinds.ts';
import { type Change, changeTo, referenceOf } from './apply-plan.ts';

/**
 * Carries out a change and answers what was done in the end. Where someone else was faster, the resource is read once
 * more and the change that is due now is carried out. Throws a `DocumentFailure` for what the broker refuses.
 */
export async function carryOut(io: Io, client: BrokerClient, change: Change): Promise<Change> {
  if (await attempt(client, change)) return change;
  const shown = display(referenceOf(change));
  io.stderr.write(`joinctl: ${shown} was changed by someone else meanwhile: trying once more\n`);
  const again = await renewed(client, change);
  if (!again) return change;
  if (await attempt(client, again)) return again;
  throw new Failure(`${shown} was changed by someone else again: run the same command once more.`);
}

/** False where the resource is not what it was when it was read. */
async function attempt(client: BrokerClient, change: Change): Promise<boolean> {
  switch (change.action) {
    case 'none':
    case 'lost':
      return true;
    case 'delete': {
      const { kind, metadata } = change.stored.resource;
      return client.remove(kind, metadata.name, { etag: change.stored.etag });
    }
    default:
      try {
        return change.action === 'create'
          ? (await client.create(change.document.resource)) !== undefined
          : await client.replace(change.document.resource, change.stored.etag);
      } catch (error) {
        throw located(error, change.document);
      }
  }
}

/** The change that is due now; `undefined` where what was to be deleted is gone. */
async function renewed(client: BrokerClient, change: Change): Promise<Change | undefined> {
  if (change.action !== 'delete') return changeTo(client, change.document);
  const { kind, name } = referenceOf(change);
  const stored = await client.get(kind, name);
  return stored && { action: 'delete', stored };
}
