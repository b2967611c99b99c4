/** What differs between Azure's clouds, and what a simulated cloud brings instead. */
import * as z from 'zod/mini';

export const cloudName = z.enum(['AzurePublic', 'AzureUSGovernment', 'AzureChina', 'Simulated']);
export type CloudName = z.infer<typeof cloudName>;

/** What the broker must know of a cloud to check its machines' evidence. */
export interface CloudProfile {
  readonly name: CloudName;
  /** The names that may sign attested documents; what lies below them may too (rule 3). */
  readonly attestedDomains: readonly string[];
  /** The directory's address. A tenant's signing keys are at `<directory>/<tenant>/discovery/v2.0/keys`. */
  readonly directory: string;
  /** Forms of the `iss` claim of access tokens, `{tenant}` where the tenant's id stands. */
  readonly issuers: readonly string[];
  /** The management API's address. */
  readonly management: string;
}

/** A simulated cloud's profile as its JSON file holds it; addresses are on loopback. */
export const simulatedCloud = z.strictObject({
  attested_domains: z.array(z.string()).check(z.minLength(1)),
  /** PEM of the roots that sign its attested documents. */
  trust_anchors: z.string(),
  directory: z.string(),
  issuers: z.array(z.string()).check(z.minLength(1)),
  management: z.string(),
  /** Where every host of a simulated AWS STS is: `<sts>/<host>/`. */
  sts: z.optional(z.string()),
});
export type SimulatedCloud = z.infer<typeof simulatedCloud>;

export const AZURE_CLOUDS: Readonly<Record<Exclude<CloudName, 'Simulated'>, CloudProfile>> = {
  AzurePublic: {
    name: 'AzurePublic',
    attestedDomains: ['metadata.azure.com'],
    directory: 'https://login.microsoftonline.com',
    issuers: [
      'https://sts.windows.net/{tenant}/',
      'https://login.microsoftonline.com/{tenant}/v2.0',
    ],
    management: 'https://management.azure.com',
  },
  AzureUSGovernment: {
    name: 'AzureUSGovernment',
    attestedDomains: ['metadata.azure.us'],
    directory: 'https://login.microsoftonline.us',
    issuers: [
      'https://sts.windows.net/{tenant}/',
      'https://login.microsoftonline.us/{tenant}/v2.0',
    ],
    management: 'https://management.usgovcloudapi.net',
  },
  AzureChina: {
    name: 'AzureChina',
    attestedDomains: ['metadata.azure.cn'],
    directory: 'https://login.partner.microsoftonline.cn',
    issuers: [
      'https://sts.chinacloudapi.cn/{tenant}/',
      'https://login.partner.microsoftonline.cn/{tenant}/v2.0',
    ],
    management: 'https://management.chinacloudapi.cn',
  },
};
