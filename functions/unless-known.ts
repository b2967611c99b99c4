/** `If-None-Match` (RFC 9110, section 13.1.2): whoever has it already is not sent it again. */
import { createHash } from 'node:crypto';
import type { HttpRequest } from '@azure/functions';
import type { Answer } from './endpoint.ts';

/** The answer with its ETag; without its body, as 304, where the request names that ETag, strong or weak, or `*`. */
export function unlessKnown(request: HttpRequest, etag: string, answer: Answer): Answer {
  const headers = { ...answer.headers, etag };
  const known = request.headers.get('if-none-match')?.split(',') ?? [];
  const same = known.some((tag) => tag.trim() === '*' || opaque(tag) === opaque(etag));
  return same ? { status: 304, headers } : { ...answer, headers };
}

/** A strong ETag: of this body and no other. */
export const etagOf = (body: string | Uint8Array): string =>
  `"${createHash('sha256').update(body).digest('base64url')}"`;

/** What a comparison looks at: tags are compared weakly here. */
const opaque = (tag: string): string => tag.trim().replace(/^W\//, '');
