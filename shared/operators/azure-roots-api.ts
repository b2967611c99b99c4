/** What operators see of the roots behind attested documents: pinned and added ones, and the newest chain of this process. */
import type { AzureAnchors } from '../protocol/azure-roots.ts';
import { formatTimestamp } from '../protocol/values.ts';
import { addedRootsOf } from '../resources/document-anchors.ts';
import { isExpired } from '../resources/expiry.ts';
import type { Resources } from '../storage/resources.ts';
import { type AzureTrustWatch, endsSoon } from '../telemetry/azure-trust.ts';

export interface AzureRootsApi {
  list(): Promise<AzureAnchors>;
}

export const createAzureRootsApi = (
  resources: Pick<Resources, 'newest'>,
  watch: Pick<AzureTrustWatch, 'look'>,
  now: () => Date,
): AzureRootsApi => ({
  async list() {
    const at = now();
    const roots = (await resources.newest()).all('azure_root');
    const found = watch.look(addedRootsOf(roots.filter((root) => !isExpired(root, at))));
    return {
      items: found.map((ending) => ({
        anchor: ending.anchor,
        name: ending.name,
        sha256: ending.sha256,
        expires: formatTimestamp(ending.expires),
        ends_soon: endsSoon(ending, at),
      })),
    };
  },
});
