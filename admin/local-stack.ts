/** Finds the local stack of a checkout, so that `joinctl` works beside `npm start` with no flag at all. */
import { dirname, join } from 'node:path';
import * as z from 'zod/mini';
import { isLoopback } from '../shared/protocol/loopback.ts';
import { parseJsonWith, sentenceOf } from '../shared/protocol/schema.ts';
import { parseUrl } from './address.ts';
import { Failure } from './failure.ts';
import { readIfThere } from './files.ts';
import { printable } from './printable.ts';

export interface LocalStack {
  readonly broker: string;
  readonly directory: string;
  /** The file that describes it. */
  readonly file: string;
}

/** The operator with the app role Admin in `examples/local-azure.yaml`. */
export const LOCAL_OPERATOR = 'aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa';

const endpoints = z.object({ broker: z.string(), directory: z.string() });
const manifest = z.object({ name: z.literal('join-broker') });

/** The stack of the checkout that `folder` lies in; `undefined` outside of one, or where none runs. */
export async function findLocalStack(folder: string): Promise<LocalStack | undefined> {
  const packageText = await readIfThere(join(folder, 'package.json'));
  if (packageText !== undefined && parseJsonWith(manifest, packageText).ok) {
    const file = join(folder, '.local', 'endpoints.json');
    const text = await readIfThere(file);
    return text === undefined ? undefined : parseEndpoints(text, file);
  }
  const parent = dirname(folder);
  return parent === folder ? undefined : findLocalStack(parent);
}

function parseEndpoints(text: string, file: string): LocalStack {
  const parsed = parseJsonWith(endpoints, text);
  if (!parsed.ok) throw new Failure(`${printable(file)}: ${sentenceOf(parsed.problem)}.`);
  const { broker, directory } = parsed.value;
  return {
    broker: loopbackAddress(broker, 'broker', file),
    directory: loopbackAddress(directory, 'directory', file),
    file,
  };
}

function loopbackAddress(text: string, field: string, file: string): string {
  const url = parseUrl(text);
  if (url && ['http:', 'https:'].includes(url.protocol) && isLoopback(url.hostname)) {
    return url.href.replace(/\/$/, '');
  }
  throw new Failure(
    `${printable(file)}: ${field}: "${printable(text)}" is not an address of this machine, and only those are trusted here.`,
  );
}
