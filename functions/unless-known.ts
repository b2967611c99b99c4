/** `If-None-Match` (RFC 9110, section 13.1.2): whoever has it already is not sent it again. */
import type { HttpRequest } from '@azure/functions';
import type { Answer } from './endpoint.ts';

/** The answer with its ETag; without its body, as 304, where the request names that ETag. */
export function unlessKnown(request: HttpRequest, etag: string, answer: Answer): Answer {
  const headers = { ...answer.headers, etag };
  const known = request.headers.get('if-none-match');
  return known?.split(',').some((tag) => tag.trim() === etag)
    ? { status: 304, headers }
    : { ...answer, headers };
}
