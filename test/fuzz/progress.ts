/** Tells how far a long run is, to people and to logs alike: whole lines, and no colour. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const EVERY_MS = 30_000;
const MEGABYTE = 1024 ** 2;

export interface Progress {
  /** One more input of this kind was tried. */
  tried(kind: string): void;
  /** Told at once: a long run may be stopped. */
  found(finding: string): void;
  end(): void;
}

/** Writes a line every half minute, one for each finding, and one at the end. `inputs` is how many are to come. */
export function createProgress(
  inputs: number,
  seed: number,
  write: (line: string) => void,
  now: () => number = () => performance.now(),
): Progress {
  const startedAt = now();
  let toldAt = startedAt;
  let tried = 0;
  let findings = 0;
  const state = (): string => {
    const rate = Math.round(tried / Math.max((now() - startedAt) / 1000, 0.001));
    return `${count(tried)} of ${count(inputs)} inputs, ${count(rate)}/s, ${findings} findings, seed ${seed}, ${memory()}`;
  };
  return {
    tried(kind) {
      tried += 1;
      if (now() - toldAt < EVERY_MS) return;
      toldAt = now();
      write(`fuzz: ${state()}: now ${kind}`);
    },
    found(finding) {
      findings += 1;
      write(`fuzz: found ${finding}`);
    },
    end: () => write(`fuzz: ended after ${Math.round((now() - startedAt) / 1000)} s: ${state()}`),
  };
}

const count = (value: number): string => value.toLocaleString('en');

const memory = (): string => `${Math.round(process.memoryUsage().rss / MEGABYTE)} MB of memory`;

/** Bytes of the heap that something still needs. */
export function heapInUse(): number {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  collect();
  return process.memoryUsage().heapUsed;
}
