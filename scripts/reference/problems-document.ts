/** docs/reference/problems.md: every code with which the API refuses something. */
import { PROBLEMS, type ProblemCode } from '../../shared/protocol/problem.ts';
import { cell, MADE } from './markdown.ts';

export interface ProblemReference {
  readonly cause: string;
  readonly fix: string;
  /** Where it is shown: a file, and a title in it. */
  readonly test: readonly [file: string, title: string];
}

export const PROBLEM_REFERENCE: Readonly<Record<ProblemCode, ProblemReference>> = {
  bad_request: {
    cause: 'The body, the query or a name is not of the form that is expected.',
    fix: 'Read `detail` and `field`: an unknown field comes first, with the one that was probably meant.',
    test: ['test/functions/resources.test.ts', 'refuses %s, and names the field'],
  },
  unauthenticated: {
    cause:
      "There is no access token of Entra ID for the operators' application, or it is over, or of somebody else's.",
    fix: '`joinctl login`.',
    test: ['test/functions/operators.test.ts', 'needs a token: 401'],
  },
  access_denied: {
    cause: 'The join was denied. The joiner learns the request id and nothing else.',
    fix: '`joinctl joins show <request id>`, and [why a join is denied](denials.md).',
    test: [
      'test/functions/denials.test.ts',
      '%s is shown with what mends it, and then the machine joins',
    ],
  },
  forbidden: {
    cause: "The operator's app roles don't give this right; `detail` names one that does.",
    fix: 'Ask who assigns app roles in Entra ID, then `joinctl login` again.',
    test: ['test/functions/operators.test.ts', 'is not for somebody without an app role: 403'],
  },
  not_found: {
    cause: 'There is no such address, kind, resource, instance, name or request.',
    fix: 'Look at the name: `joinctl get <kind>`.',
    test: ['test/functions/not-found.test.ts', '%s %s: 404'],
  },
  method_not_allowed: {
    cause: 'The address answers other methods; the header `Allow` names them.',
    fix: 'Use one of those.',
    test: ['test/functions/not-found.test.ts', '%s %s: 405, and the answer says %s'],
  },
  already_exists: {
    cause: 'Something with this name is there, or a key that waits already.',
    fix: 'Replace it (`joinctl create -f`), or choose another name.',
    test: [
      'test/functions/resources.test.ts',
      'with If-None-Match: * refuses what exists already: 409',
    ],
  },
  in_use: {
    cause: 'Something else needs what was to be removed, such as a role that a bot has.',
    fix: 'Take it from there first; `detail` says from whom. A role: `--force`.',
    test: [
      'test/functions/references.test.ts',
      'is removed by force only, and the refusal names the bots',
    ],
  },
  instance_unknown: {
    cause:
      'The instance that wants to renew itself is not there, is over, or its generation was replaced.',
    fix: 'The agent joins afresh by itself. With a secret it needs a new one.',
    test: [
      'test/conformance/generations.test.ts',
      'renewal by another request of the generation that was replaced: 409, and nobody is locked',
    ],
  },
  try_again: {
    cause:
      'Another request was faster, or the broker too slow to be sure that no lock came meanwhile.',
    fix: 'Send the same request again.',
    test: [
      'test/shared/operators/resource-api.test.ts',
      'a replacement that lost its race is refused, and the other one stays',
    ],
  },
  gone: {
    cause: 'The instance was there, and an operator removed it.',
    fix: 'Nothing: its machine joins as another instance.',
    test: [
      'test/functions/instances.test.ts',
      'one that is removed leaves an audit line, and is gone',
    ],
  },
  length_required: {
    cause: 'The body has no `Content-Length`: bodies in chunks do not arrive.',
    fix: 'Send it.',
    test: ['test/functions/request-body.test.ts', 'comes with Content-Length %j'],
  },
  precondition_failed: {
    cause: 'It was changed since `If-Match`, or since `metadata.revision`.',
    fix: 'Get it again, and make the change there. Without `metadata.revision` a file overwrites.',
    test: [
      'test/functions/resources.test.ts',
      'with an ETag of before refuses what was changed since: 412',
    ],
  },
  too_large: {
    cause: 'The body has more than 64 KiB, or the resource more than 32,768 characters of JSON.',
    fix: 'Make several of it.',
    test: ['test/functions/resources.test.ts', 'refuses what is longer than storage can hold'],
  },
  unsupported_media_type: {
    cause: 'The body is not `application/json`.',
    fix: 'Send `Content-Type: application/json`.',
    test: ['test/functions/request-body.test.ts', 'comes with Content-Type %j'],
  },
  misdirected: {
    cause:
      'The broker is two apps ([deploy.md](../deploy.md#two-apps)), and this is for the other one: machines ask the one, operators the other.',
    fix: 'Operators: `joinctl login --proxy=<OPERATORS_URL of the deployment>`. Machines: the address that `detail` names.',
    test: ['test/functions/parts.test.ts', '%s %s is answered by the other app: 421'],
  },
  precondition_required: {
    cause: 'A write says neither that it creates nor what it replaces.',
    fix: '`If-None-Match: *` to create, `If-Match` to replace.',
    test: ['test/functions/resources.test.ts', 'with %s: 428'],
  },
  throttled: {
    cause:
      'This address, machine or join token has tried too often within a minute; or this machine has made eight instances of one join token within ten seconds.',
    fix: 'Wait as long as `Retry-After` says. The limits of a minute are [settings](../settings.md).',
    test: [
      'test/conformance/strangers.test.ts',
      'S1 a caller whose joins fail is answered 429 with the seconds to wait, and others go on',
    ],
  },
  internal: {
    cause: 'A mistake in the broker. Its log has it under the request id.',
    fix: 'Look there, and [report it](../../SECURITY.md).',
    test: ['test/functions/change-audit.test.ts', 'failed by a fault of ours, is not known'],
  },
  unavailable: {
    cause:
      'Storage, vault, directory, management API or the keys are not there; `detail` says which.',
    fix: 'Try again after `Retry-After`. If it goes on: [the runbook](../runbook.md#unhealthy).',
    test: ['test/functions/health.test.ts', 'while the table %s is down: 503, "%s"'],
  },
};

export const problemsMarkdown = (): string =>
  [
    '# Codes of the API',
    '',
    MADE,
    '',
    'Every refusal is `application/problem+json` (RFC 9457) with one of these in `code`. The list is closed.',
    '',
    '| code | status | what happened | what to do | test |',
    '| --- | --- | --- | --- | --- |',
    ...Object.entries(PROBLEM_REFERENCE).map(
      ([
        code,
        {
          cause,
          fix,
          test: [file, title],
        },
      ]) => {
        const [status] = PROBLEMS[code as ProblemCode];
        return `| \`${code}\` | ${status} | ${cause} | ${fix} | \`${file}\`: "${cell(title)}" |`;
      },
    ),
    '',
  ].join('\n');
