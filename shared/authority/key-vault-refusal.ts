/** What the key vault refuses, in words for whoever has to mend it. */
import type { RestError } from '@azure/core-rest-pipeline';
import { unavailable } from '../refusal.ts';
import { retryAfterOf } from '../retry-after.ts';

/** `unavailable` with a sentence and its cause, for an error of the SDK; any other one stays what it is. */
export function keyVaultRefusal(error: unknown): unknown {
  const { name, statusCode } = error as Partial<RestError>;
  if (name !== 'RestError') return error;
  return unavailable(sentence(statusCode, innerCode(error)), retryAfterOf(error), error);
}

function sentence(status: number | undefined, inner: string | undefined): string {
  switch (status) {
    case undefined:
      return 'the key vault does not answer';
    case 401:
      return "the key vault does not know the broker's identity: is JOIN_BROKER_KEY_VAULT_URL of the same tenant?";
    case 403:
      return inner === 'KeyDisabled'
        ? 'a key of the key vault is disabled: enable it'
        : "the key vault forbids it: has the broker's identity its roles, may it reach the vault, and is it a Premium one if keys are to be in hardware?";
    case 404:
      return 'the key vault has no such key: if it was deleted, recover it';
    case 409:
      return inner === 'ObjectIsDeletedButRecoverable'
        ? 'the key vault has a deleted key of this name: recover it'
        : 'the key vault is busy with the same key';
    default:
      return `the key vault can not do it now (status ${status})`;
  }
}

/** The vault's own word for why, where the SDK leaves the answer's JSON. */
function innerCode(error: unknown): string | undefined {
  const { details } = error as {
    readonly details?: { readonly error?: { readonly innerError?: { readonly code?: unknown } } };
  };
  const code = details?.error?.innerError?.code;
  return typeof code === 'string' ? code : undefined;
}
