/** Errors as the API answers them: `application/problem+json` (RFC 9457). */
import * as z from 'zod/mini';

/** Every code, its status and its title. The list is closed: a client can rely on it. */
export const PROBLEMS = {
  bad_request: [400, 'The request is not what was expected'],
  unauthenticated: [401, 'An operator must sign in'],
  access_denied: [403, 'The join was refused'],
  forbidden: [403, "The operator's app roles don't allow this"],
  not_found: [404, 'There is no such thing'],
  method_not_allowed: [405, 'The method is not for this address'],
  already_exists: [409, 'Something with this name exists already'],
  in_use: [409, 'Something else needs it'],
  instance_unknown: [409, 'Join afresh: this instance can not renew itself'],
  try_again: [409, 'Another request was faster: try again'],
  gone: [410, 'It was there, and was removed'],
  length_required: [411, 'The body needs a Content-Length'],
  precondition_failed: [412, 'It was changed in the meantime'],
  too_large: [413, 'The body is too large'],
  unsupported_media_type: [415, 'The body must be application/json'],
  misdirected: [421, 'Another app of this broker answers this'],
  precondition_required: [428, 'Say If-None-Match: * to create, If-Match to replace'],
  throttled: [429, 'Too many requests: wait'],
  internal: [500, 'The broker made a mistake'],
  unavailable: [503, 'Something that the broker needs is not available'],
} as const satisfies Record<string, readonly [number, string]>;

export type ProblemCode = keyof typeof PROBLEMS;

export const problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.enum(Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]]),
  detail: z.optional(z.string()),
  /** The path of the field that is wrong, where it is one field. */
  field: z.optional(z.string()),
  request_id: z.string(),
});
export type Problem = z.infer<typeof problem>;
