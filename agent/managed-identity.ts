/** What the metadata service means when it refuses a managed identity's access token, and what to do about it. */
import * as z from 'zod/mini';
import { parseJsonWith } from '../shared/protocol/schema.ts';
import { printable } from './printable.ts';

const refusal = z.object({
  error: z.optional(z.string()),
  error_description: z.optional(z.string()),
});

/** Whether it has none like this: there is none, or it was assigned a moment ago. */
export const isIdentityMissing = (body: string): boolean =>
  /identity not found/i.test(read(body).description);

function read(body: string): { readonly error: string; readonly description: string } {
  const parsed = parseJsonWith(refusal, body);
  const { error = '', error_description: description = '' } = parsed.ok ? parsed.value : {};
  return { error, description };
}

/** One sentence for an answer of status 400. */
export function explainRefusedToken(
  body: string,
  audience: string,
  clientId: string | undefined,
): string {
  const { error, description } = read(body);
  if (/multiple user.?assigned identities/i.test(description)) {
    return 'this VM has several user-assigned identities: name the one to join with in onboarding.azure.client_id';
  }
  if (isIdentityMissing(body)) {
    return clientId === undefined
      ? 'this VM has no system-assigned identity: switch it on, or name a user-assigned one in onboarding.azure.client_id'
      : `this VM has no managed identity with the client id ${clientId}: assign it to the VM, or correct onboarding.azure.client_id (it is the identity's client id, not its object id)`;
  }
  if (error === 'invalid_resource') {
    return `the directory knows no application for the audience ${printable(audience)}: correct onboarding.azure.audience`;
  }
  const said = printable([error, description].filter(Boolean).join(': ')) || 'without a reason';
  return `the metadata service refused an access token: ${said}`;
}
