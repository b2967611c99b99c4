/** What a mutant is: what is sent, and what must be so if it is accepted. */
import { decodeBase64 } from '../../shared/encoding/base64.ts';
import type { Random } from './random.ts';
import type { Batch, Sent } from './seeds.ts';

export interface Input extends Sent {
  /** What is wrong with an acceptance, by its answer; `undefined` where it is right. */
  readonly wrong: (answer: unknown) => string | undefined;
}

export type Mutations = Readonly<
  Record<string, (batch: Batch, random: Random) => Input | Promise<Input>>
>;

export const NEVER = (): string => 'admitted';

/** Nobody but who wrote it may change it. */
export const onlySame = (isSame: boolean) => (isSame ? () => undefined : NEVER);

export const bytesOf = (text: string): Uint8Array => decodeBase64(text) ?? new Uint8Array();
