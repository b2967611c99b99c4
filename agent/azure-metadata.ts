/** The metadata service of this machine: Azure's, or a simulated one. */
import { simulatedMetadataService } from './addresses.ts';
import { describeMachine } from './azure-machine.ts';
import type { Effects } from './effects.ts';
import { AZURE_METADATA_SERVICE, askMetadataOf } from './metadata-http.ts';
import { type MetadataService, metadataService } from './metadata-service.ts';

export function openMetadataService(
  env: Readonly<Record<string, string | undefined>>,
  effects: Effects,
): MetadataService {
  const imds = env['JOINBOT_IMDS_URL'];
  if (imds || env['JOINBOT_PKI_URL'])
    effects.log.warn('this is a simulated VM: JOINBOT_IMDS_URL or JOINBOT_PKI_URL is set');
  const base = imds ? simulatedMetadataService(imds) : AZURE_METADATA_SERVICE;
  return metadataService(askMetadataOf(base, effects, describeMachine), effects, describeMachine);
}
