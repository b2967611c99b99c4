/** `GET /v1/azure-roots`: what vouches for attested documents, and until when. */
import * as z from 'zod/mini';
import { sha256Hex, timestamp } from './values.ts';

const azureAnchor = z.object({
  /** `pinned`: comes with the broker or its settings. `added`: an azure_root. `newest_chain`: above the youngest signer seen. */
  anchor: z.enum(['pinned', 'added', 'newest_chain']),
  /** Of an added root the resource's name, of others the common name. */
  name: z.string(),
  sha256: sha256Hex,
  expires: timestamp,
  /** Whether it ends within 90 days, or has ended. */
  ends_soon: z.boolean(),
});
export type AzureAnchor = z.infer<typeof azureAnchor>;

export const azureAnchors = z.object({ items: z.array(azureAnchor) });
export type AzureAnchors = z.infer<typeof azureAnchors>;
