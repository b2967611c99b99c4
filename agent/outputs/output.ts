/** What the types of outputs have in common. To add one: a file like those beside this one, and a row in outputs.ts. */
import type * as z from 'zod/mini';
import type { TrustBundle } from '../../shared/protocol/trust.ts';
import type { FileSet } from '../file-set.ts';
import type { IssuedCertificate } from '../issued-certificate.ts';
import type { ListFile } from '../revocation/list-files.ts';

/** What files are made of. */
export interface Material {
  readonly certificate: IssuedCertificate;
  readonly trust: TrustBundle;
  /** The bot's name, or the first of the host's. */
  readonly owner: string;
  /** Where the files will be, absolute; absent where that is no directory of this machine. */
  readonly directory?: string;
}

/** What one output writes, as its part of the config file wants it. */
export interface Content {
  /** Names that its files may have. Of a name with a slash, the part before it. */
  readonly names: readonly string[];
  readonly files: (material: Material) => FileSet | Promise<FileSet>;
  /** Revocation lists that belong beside them. */
  readonly lists?: readonly ListFile[];
  /** What else has to be there. Throws a `Failure` that says what is missing. */
  readonly check?: () => Promise<void>;
  /** Those that stay their owner's alone, whoever else may read the others: their program refuses them otherwise. */
  readonly ownerOnly?: readonly string[];
  /** Whether it goes with an SSH certificate: then the log says why there is none. */
  readonly forSsh?: boolean;
  /** What a reader of the file may expect to have an effect, and has none. */
  readonly notes?: readonly string[];
}

/** Who joins, and where its files go. */
export interface Circumstances {
  readonly isHost: boolean;
  readonly isKubernetesSecret: boolean;
}

export interface OutputType<S extends z.ZodMiniType> {
  /** Its part of the config file, with the fields that all have (`COMMON_FIELDS`). */
  readonly schema: S;
  /** Whose join can bring it; absent: anybody's. */
  readonly joinOf?: 'bot' | 'host';
  readonly content: (config: z.infer<S>, circumstances: Circumstances) => Content;
}

/** Lets the compiler derive a type's config from its schema. */
export const outputType = <S extends z.ZodMiniType>(type: OutputType<S>): OutputType<S> => type;
