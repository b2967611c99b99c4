/** AWS credentials, and what it takes to look for them. */
import type { Effects } from '../effects.ts';

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expires?: Date;
}

/** Credentials, and the region that the machine is in, where it is known. */
export interface FoundCredentials {
  readonly credentials: AwsCredentials;
  readonly region: string | undefined;
}

export type Environment = Readonly<Record<string, string | undefined>>;
export type CredentialEffects = Pick<Effects, 'clock' | 'random' | 'imds' | 'log' | 'stop'>;
