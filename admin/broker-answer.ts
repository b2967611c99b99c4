/** What the broker's answers mean: a body of the shape that was expected, or a failure in one sentence. */
import type * as z from 'zod/mini';
import { type Problem, problem } from '../shared/protocol/problem.ts';
import { parseJsonWith, sentenceOf } from '../shared/protocol/schema.ts';
import { Failure, Refusal } from './failure.ts';
import type { HttpAnswer } from './http.ts';
import { ended, printable } from './printable.ts';

/** The body of an answer of status 200. */
export function readAnswer<T>(schema: z.ZodMiniType<T>, answer: HttpAnswer, broker: string): T {
  const parsed = parseJsonWith(schema, answer.text);
  if (parsed.ok) return parsed.value;
  const what = sentenceOf(parsed.problem);
  throw new Failure(`${broker} does not answer as a Join Broker does: ${what}.`);
}

/** The code of an answer that is a problem; `undefined` for any other. */
export const codeOf = (answer: HttpAnswer): Problem['code'] | undefined => problemOf(answer)?.code;

/** Why an answer is not the one that was hoped for. */
export function failureOf(answer: HttpAnswer, broker: string): Failure {
  const refused = problemOf(answer);
  if (!refused) {
    const isBusy = answer.status >= 500 || answer.status === 429;
    const advice = isBusy ? 'try again in a minute' : 'is the address right?';
    return new Failure(
      `${broker} does not answer as a Join Broker does (HTTP ${answer.status}): ${advice}`,
    );
  }
  return new Refusal(sentence(refused), refused);
}

function problemOf(answer: HttpAnswer): Problem | undefined {
  if (answer.status < 400) return undefined;
  const parsed = parseJsonWith(problem, answer.text);
  return parsed.ok ? parsed.value : undefined;
}

function sentence({ code, title, detail, field, request_id }: Problem): string {
  const said = printable(detail ?? title).replace(/\.$/, '');
  switch (code) {
    case 'unauthenticated':
      return `The broker wants a sign-in (${said}): run joinctl login.`;
    case 'unavailable':
    case 'internal':
      return `${said} (request ${printable(request_id)}): try again in a minute.`;
    default: {
      const at = field === undefined || said.startsWith(field) ? '' : `${printable(field)}: `;
      return ended(`${at}${said}`);
    }
  }
}
