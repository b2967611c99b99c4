/** What a joiner proves itself with, by join method: the member of a join's body that is named after the method. */
import * as z from 'zod/mini';

const base64Text = (most: number) => z.string().check(z.maxLength(most));

/** `azure`: what Azure gives every virtual machine. */
export const azureEvidence = z.strictObject({
  attested_data: z.strictObject({ encoding: z.literal('pkcs7'), signature: base64Text(16_384) }),
  intermediates: z._default(z.array(base64Text(8192)).check(z.maxLength(6)), []),
  access_token: z.string().check(z.maxLength(16_384)),
  resource_id: z.optional(z.string().check(z.maxLength(1024))),
});
export type AzureEvidence = z.infer<typeof azureEvidence>;

/** `iam`: a `GetCallerIdentity` request that the joiner signed, for the broker to send to AWS STS. */
export const iamEvidence = z.strictObject({ sts_request: base64Text(16_384) });
export type IamEvidence = z.infer<typeof iamEvidence>;

/** `token`: the secret that a join token was made with. 128 random bits in lower-case hex. */
export const joinSecret = z
  .string()
  .check(z.regex(/^[0-9a-f]{32}$/, 'expected the 32 hex digits that joinctl printed'));
