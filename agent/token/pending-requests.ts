/**
 * Requests of join method `token` that may have been carried out: each with the keys that it asks certificates for,
 * written to the disk before it is sent. For who loses the key of a generation that the broker has made is locked out.
 */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { type JoinRequest, joinRequest } from '../../shared/protocol/join.ts';
import { parseJsonWith, sentenceOf } from '../../shared/protocol/schema.ts';
import { orUndefined, syncDirectory, withPlainErrors, writeDurably } from '../durable-file.ts';
import { Failure } from '../failure.ts';
import { readKey } from '../instance-state.ts';
import type { Keys } from '../join-request.ts';

export interface PendingRequest {
  /** The very text that is sent, again and again. */
  readonly text: string;
  readonly request: JoinRequest;
  readonly keys: Keys;
}

/** The generation that a request replaces; a first join replaces none. */
export const replacedBy = ({ request }: PendingRequest): number =>
  request.instance?.generation ?? 0;

export interface PendingRequests {
  load(): Promise<readonly PendingRequest[]>;
  /** Resolves once they are on the disk. */
  store(requests: readonly PendingRequest[]): Promise<void>;
  /** Forgets all, those of other secrets too. */
  clear(): Promise<void>;
}

const FILE = /^requests-[0-9a-f]{16}\.json(?:\.new)?$/;

const contents = z.strictObject({
  version: z.literal(1),
  requests: z.array(z.strictObject({ request: z.string(), keys: z.array(z.string()) })),
});

/** `token` is the reference of the secret: each secret's requests are in a file of their own. */
export function pendingRequests(directory: string, token: string): PendingRequests {
  const name = `requests-${token.slice('sha256:'.length, 'sha256:'.length + 16)}.json`;
  const path = join(directory, name);
  return {
    load: () =>
      withPlainErrors(directory, async () => {
        const text = await orUndefined(readFile(path, 'utf8'));
        return text === undefined ? [] : parse(text, path);
      }),
    store: (requests) =>
      withPlainErrors(directory, () => writeDurably(directory, name, format(requests))),
    clear: () =>
      withPlainErrors(directory, async () => {
        const names = (await readdir(directory)).filter((one) => FILE.test(one));
        for (const one of names) await rm(join(directory, one));
        await syncDirectory(directory);
      }),
  };
}

const format = (requests: readonly PendingRequest[]): string =>
  `${JSON.stringify({
    version: 1,
    requests: requests.map(({ text, keys }) => ({
      request: text,
      keys: keys.map((key) => key.export({ format: 'pem', type: 'pkcs8' })),
    })),
  })}\n`;

/** It was written as a whole: what can't be read was changed by somebody. Nothing is sent without it. */
function parse(text: string, path: string): PendingRequest[] {
  const parsed = parseJsonWith(contents, text);
  if (!parsed.ok) throw unreadable(path, sentenceOf(parsed.problem));
  return parsed.value.requests.map(({ request: sent, keys: pems }) => {
    const request = parseJsonWith(joinRequest, sent);
    if (!request.ok) throw unreadable(path, `request: ${sentenceOf(request.problem)}`);
    const [own, ...others] = pems.map((pem) => {
      const key = readKey(pem);
      if (!key) throw unreadable(path, 'expected private keys');
      return key;
    });
    if (!own) throw unreadable(path, 'expected at least one key');
    return { text: sent, request: request.value, keys: [own, ...others] };
  });
}

const unreadable = (path: string, why: string): Failure =>
  new Failure(
    'files',
    `${path} can't be read (${why}): put it back as it was, or remove it and give this machine a new secret`,
  );
