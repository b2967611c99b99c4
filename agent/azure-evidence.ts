/** Join method `azure`: an attested document that Azure signs over the request, and the managed identity's access token. */
import { encodeBase64 } from '../shared/encoding/base64.ts';
import { imdsNonce } from '../shared/protocol/join.ts';
import type { Effects } from './effects.ts';
import type { GatherEvidence } from './evidence.ts';
import { type Downloads, issuingCertificates } from './issuing-certificates.ts';
import type { MetadataService } from './metadata-service.ts';
import type { AgentSettings } from './settings.ts';

/** The broker takes a document of up to five minutes; what is asked for last must not be lost to the wait. */
const DOCUMENT_MS = 4 * 60_000;

export const azureEvidence =
  (
    { azure }: Pick<AgentSettings, 'azure'>,
    metadata: MetadataService,
    downloads: Downloads,
    effects: Effects,
  ): GatherEvidence =>
  async () => {
    const resourceId = await metadata.resourceId();
    const accessToken = await metadata.accessToken(azure.audience, azure.clientId);
    return async (request) => {
      const goodUntil = new Date(effects.clock.now().getTime() + DOCUMENT_MS);
      const document = await metadata.attestedDocument(imdsNonce(request));
      const issuers = await issuingCertificates(document.signer, downloads, effects);
      return {
        goodUntil,
        machine: resourceId,
        members: {
          azure: {
            attested_data: { encoding: 'pkcs7', signature: document.signature },
            intermediates: issuers.map(({ der }) => encodeBase64(der)),
            access_token: accessToken,
            ...(resourceId !== undefined && { resource_id: resourceId }),
          },
        },
      };
    };
  };
