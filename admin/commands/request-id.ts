/** A request id on the command line. */
import { UsageFailure } from '../failure.ts';
import { printable } from '../printable.ts';

/** In lower case; the message says where one is found. */
export function parseRequestId(text: string, where: string): string {
  const id = text.toLowerCase();
  if (/^[0-9a-f-]{36}$/.test(id)) return id;
  throw new UsageFailure(`"${printable(id)}" is no request id: ${where}.`);
}
