/** The OpenAPI 3.1 document of the API, made from the very schemas that bodies are checked with, when a bundle is built. */
import * as z from 'zod/mini';
import { auditPage, auditRecord } from './protocol/audit-record.ts';
import {
  authorityStatus,
  initBody,
  ROTATED_AUTHORITIES,
  retireBody,
  rotateBody,
} from './protocol/authorities.ts';
import { azureAnchors } from './protocol/azure-roots.ts';
import {
  keyBackup,
  namePage,
  restoreBody,
  restored,
  restoredNames,
  restoreNamesBody,
} from './protocol/backup.ts';
import { discovery } from './protocol/discovery.ts';
import { explainRequest, explanation } from './protocol/explain.ts';
import { heartbeat, heartbeatBody } from './protocol/heartbeat.ts';
import { nameRecord } from './protocol/host-name.ts';
import { instancePage, instanceRecord } from './protocol/instance.ts';
import { joinAnswer, joinBody, joinRequest } from './protocol/join.ts';
import { logVerification } from './protocol/join-log-verification.ts';
import { joinPage, joinRecord } from './protocol/join-record.ts';
import { PROBLEMS, type ProblemCode, problem } from './protocol/problem.ts';
import { resourcePage, writtenResource } from './protocol/resource.ts';
import { spiffeBundle } from './protocol/spiffe-bundle.ts';
import { trustBundle } from './protocol/trust.ts';
import { SCHEMAS } from './resources/resource.ts';

type Json = Readonly<Record<string, unknown>>;

/** The document. `version` is the software's. */
export function openApiDocument(version: string): Json {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Join Broker',
      version,
      description: 'A virtual machine proves what it is, and gets short-lived certificates.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths: {
      '/v1/join': {
        post: operation(
          'Joins, or renews an instance. `request` is the JSON text of a JoinRequest; every proof is made over its bytes',
          { body: 'JoinBody', answer: 'JoinAnswer' },
          [],
          [...JOINING, 'access_denied', 'instance_unknown', 'try_again'],
        ),
      },
      '/v1/heartbeat': {
        post: operation(
          'What an agent says of itself. `heartbeat` is the JSON text of a Heartbeat, signed with the instance key',
          { body: 'HeartbeatBody' },
          [],
          [...JOINING, 'instance_unknown'],
        ),
      },
      '/v1/trust': { get: operation('The trust bundle', { answer: 'TrustBundle' }) },
      '/v1/trust/{form}': {
        get: {
          ...operation(
            'One part of the trust bundle: as plain text, or the roots as a SPIFFE bundle; or a revocation list, also `<key identifier>.crl`',
            { answer: 'SpiffeBundle' },
            [
              pathParameter('form', {
                anyOf: [
                  { enum: ['tls.pem', 'ssh-user-ca.pub', 'ssh-host-ca.pub', 'spiffe'] },
                  { enum: ['tls.crl', 'ssh.krl', 'revoked'] },
                  { type: 'string', pattern: '^[0-9a-f]{40}\\.crl$' },
                ],
              }),
            ],
            ['not_found'],
          ),
        },
      },
      '/v1/webapi/ping': { get: operation('Discovery', { answer: 'Discovery' }) },
      '/v1/webapi/find': { get: operation('Discovery', { answer: 'Discovery' }) },
      '/v1/webapi/automaticupgrades/channel/{channel}/version': {
        get: operation(
          'The version to install, as text: `v` and the version',
          {},
          [pathParameter('channel', { enum: ['default'] })],
          ['not_found'],
        ),
      },
      '/scripts/install.sh': {
        get: operation(
          'The shell script that installs joinbot, made for the address at which it is asked for',
          {},
          [],
          ['bad_request'],
        ),
      },
      '/scripts/{tool}': {
        get: operation(
          'A tool of this version, as one JavaScript file for Node.js 20 or later',
          {},
          [
            pathParameter('tool', { enum: ['joinbot.cjs', 'joinctl.cjs'] }),
            header('If-None-Match'),
          ],
          ['not_found'],
        ),
      },
      '/healthz': { get: operation('The process answers', {}) },
      '/readyz': { get: operation('Storage is reachable, signing keys are loaded and valid', {}) },
      '/v1/explain': {
        post: operator(
          operation(
            'What would happen to a machine with these facts, step by step. Nothing is changed',
            { body: 'ExplainRequest', answer: 'Explanation' },
            [],
            [...READING, 'length_required', 'too_large', 'unsupported_media_type'],
          ),
        ),
      },
      '/v1/joins': {
        get: operator(
          operation(
            'A page of attempts to join, oldest first: of the last hour, unless since says otherwise. It may be empty and name a next one',
            { answer: 'JoinPage' },
            ['since', 'until', 'bot', 'token', 'machine', 'result', 'reason', 'next'].map(
              (name) => ({ name, in: 'query', schema: { type: 'string' } }),
            ),
            READING,
          ),
        ),
      },
      '/v1/join-log/verification': {
        get: operator(
          operation(
            'A page of looking whether the join log is as it was written: of all that it keeps, unless since says otherwise',
            { answer: 'LogVerification' },
            ['since', 'until', 'next'].map((name) => ({
              name,
              in: 'query',
              schema: { type: 'string' },
            })),
            READING,
          ),
        ),
      },
      '/v1/joins/{id}': {
        get: operator(
          operation(
            'What became of a join, and why',
            { answer: 'JoinRecord' },
            [pathParameter('id', { type: 'string' })],
            READING,
          ),
        ),
      },
      '/v1/audit': {
        get: operator(
          operation(
            'A page of changes by operators, oldest first: of the last day, unless since says otherwise. It may be empty and name a next one',
            { answer: 'AuditPage' },
            ['since', 'until', 'operator', 'resource', 'action', 'outcome', 'next'].map((name) => ({
              name,
              in: 'query',
              schema: { type: 'string' },
            })),
            READING,
          ),
        ),
      },
      '/v1/audit/{id}': {
        get: operator(
          operation(
            'One change: who, what, before and after',
            { answer: 'AuditRecord' },
            [pathParameter('id', { type: 'string' })],
            READING,
          ),
        ),
      },
      '/v1/instances': {
        get: operator(
          operation(
            'A page of the instances of an owner: `bot:<name>`, or `host:<system role>`',
            { answer: 'InstancePage' },
            [
              { name: 'owner', in: 'query', schema: { type: 'string' } },
              { name: 'next', in: 'query', schema: { type: 'string' } },
            ],
            READING,
          ),
        ),
      },
      '/v1/instances/{owner}/{id}': {
        get: operator(
          operation(
            'One instance',
            { answer: 'InstanceRecord' },
            [OWNER, INSTANCE_ID],
            [...READING, 'gone'],
          ),
        ),
        delete: operator(
          operation(
            'Removes an instance: its next renewal is refused, its request stays used',
            {},
            [OWNER, INSTANCE_ID],
            [...READING, 'gone', 'try_again'],
          ),
        ),
      },
      '/v1/azure-roots': {
        get: operator(
          operation(
            'What vouches for attested documents: pinned roots, added ones, and what is above the youngest signer that this function instance has seen',
            { answer: 'AzureAnchors' },
            [],
            ['unauthenticated', 'forbidden'],
          ),
        ),
      },
      '/v1/authorities': {
        get: operator(
          operation(
            'The keys of the authorities, their states, and what is missing',
            { answer: 'AuthorityStatus' },
            [],
            ['unauthenticated', 'forbidden'],
          ),
        ),
      },
      '/v1/authorities/init': {
        post: operator(
          operation(
            'Makes the first keys, once. Needs app role JoinBroker.AuthorityAdmin',
            { body: 'InitBody', answer: 'AuthorityStatus' },
            [],
            ['bad_request', 'unauthenticated', 'forbidden', 'already_exists', 'try_again'],
          ),
        ),
      },
      '/v1/authorities/{name}/rotate': {
        post: operator(
          operation(
            'Makes the successor of a key before it is due; with `leaked` a key that takes the place of all of its kind at once. Needs app role JoinBroker.AuthorityAdmin',
            { body: 'RotateBody', answer: 'AuthorityStatus' },
            [pathParameter('name', { enum: ROTATED_AUTHORITIES })],
            [...READING, 'already_exists', 'in_use', 'precondition_failed', 'try_again'],
          ),
        ),
      },
      '/v1/authorities/tls/retire': {
        post: operator(
          operation(
            'Ends a root whose successor signs. Needs app role JoinBroker.AuthorityAdmin',
            { body: 'RetireBody', answer: 'AuthorityStatus' },
            [],
            [...READING, 'in_use', 'precondition_failed', 'try_again'],
          ),
        ),
      },
      '/v1/authorities/backup': {
        get: operator(
          operation(
            'The rows of the keys as they are stored, sealed. Needs app role JoinBroker.AuthorityAdmin',
            { answer: 'KeyBackup' },
            [],
            ['unauthenticated', 'forbidden'],
          ),
        ),
      },
      '/v1/authorities/restore': {
        post: operator(
          operation(
            'Brings the keys back from a backup, or with `dry_run` says what that would do. Needs app role JoinBroker.AuthorityAdmin',
            { body: 'RestoreBody', answer: 'Restored' },
            [],
            [...READING, 'already_exists', 'try_again', 'too_large'],
          ),
        ),
      },
      '/v1/names': {
        get: operator(
          operation(
            'A page of the names of hosts, with all that is known of them',
            { answer: 'NamePage' },
            [{ name: 'next', in: 'query', schema: { type: 'string' } }],
            READING,
          ),
        ),
        post: operator(
          operation(
            'Puts back who had names, from a backup; whoever has one by now keeps it',
            { body: 'RestoreNamesBody', answer: 'RestoredNames' },
            [],
            [...READING, 'too_large'],
          ),
        ),
      },
      '/v1/names/{name}': {
        get: operator(
          operation("Whose a host's name is", { answer: 'NameRecord' }, [NAME], READING),
        ),
        delete: operator(
          operation(
            'Frees the name of a host, for any machine whose name it would be',
            {},
            [NAME],
            READING,
          ),
        ),
      },
      '/v1/resources/{kind}': {
        get: operator(
          operation(
            'A page of resources',
            { answer: 'ResourcePage' },
            [KIND, { name: 'next', in: 'query', schema: { type: 'string' } }],
            READING,
          ),
        ),
      },
      '/v1/resources/{kind}/{name}': {
        get: operator(operation('One resource', { answer: 'Resource' }, [KIND, NAME], READING)),
        put: operator(
          operation(
            'Creates (`If-None-Match: *`) or replaces (`If-Match`) a resource; with `dry_run=true` says what that would answer, and changes nothing. `azure_root` needs app role JoinBroker.AuthorityAdmin',
            { body: 'Resource', answer: 'WrittenResource' },
            [KIND, NAME, header('If-None-Match'), header('If-Match'), queryFlag('dry_run')],
            [
              ...READING,
              'already_exists',
              'precondition_failed',
              'precondition_required',
              'too_large',
            ],
          ),
        ),
        delete: operator(
          operation(
            'Deletes a resource; a role that a bot has only with `force=true`',
            {},
            [KIND, NAME, header('If-Match'), queryFlag('force')],
            [...READING, 'in_use', 'precondition_failed'],
          ),
        ),
      },
    },
    components: {
      schemas: {
        JoinBody: schemaOf(joinBody),
        JoinRequest: schemaOf(joinRequest),
        JoinAnswer: schemaOf(joinAnswer),
        HeartbeatBody: schemaOf(heartbeatBody),
        Heartbeat: schemaOf(heartbeat),
        TrustBundle: schemaOf(trustBundle),
        SpiffeBundle: schemaOf(spiffeBundle),
        Discovery: schemaOf(discovery),
        Problem: schemaOf(problem),
        JoinRecord: schemaOf(joinRecord),
        JoinPage: schemaOf(joinPage),
        LogVerification: schemaOf(logVerification),
        AuditRecord: schemaOf(auditRecord),
        AuditPage: schemaOf(auditPage),
        ExplainRequest: schemaOf(explainRequest),
        Explanation: schemaOf(explanation),
        InstanceRecord: schemaOf(instanceRecord),
        InstancePage: schemaOf(instancePage),
        AzureAnchors: schemaOf(azureAnchors),
        AuthorityStatus: schemaOf(authorityStatus),
        InitBody: schemaOf(initBody),
        RotateBody: schemaOf(rotateBody),
        RetireBody: schemaOf(retireBody),
        KeyBackup: schemaOf(keyBackup),
        RestoreBody: schemaOf(restoreBody),
        Restored: schemaOf(restored),
        NamePage: schemaOf(namePage),
        RestoreNamesBody: schemaOf(restoreNamesBody),
        RestoredNames: schemaOf(restoredNames),
        NameRecord: schemaOf(nameRecord),
        ResourcePage: schemaOf(resourcePage),
        WrittenResource: schemaOf(writtenResource),
        Token: schemaOf(SCHEMAS.token),
        Bot: schemaOf(SCHEMAS.bot),
        Role: schemaOf(SCHEMAS.role),
        Lock: schemaOf(SCHEMAS.lock),
        AzureRoot: schemaOf(SCHEMAS.azure_root),
        AzureDeniedSigner: schemaOf(SCHEMAS.azure_denied_signer),
        Resource: { oneOf: RESOURCES.map(reference) },
      },
      securitySchemes: {
        operator: {
          type: 'http',
          scheme: 'bearer',
          description:
            "An Entra ID token for the operators' application, with app role JoinBroker.Admin, JoinBroker.AuthorityAdmin or JoinBroker.Reader.",
        },
      },
    },
  };
}

const RESOURCES = ['Token', 'Bot', 'Role', 'Lock', 'AzureRoot', 'AzureDeniedSigner'];

const JOINING: readonly ProblemCode[] = [
  'bad_request',
  'length_required',
  'too_large',
  'unsupported_media_type',
  'throttled',
];
const READING: readonly ProblemCode[] = [
  'bad_request',
  'unauthenticated',
  'forbidden',
  'not_found',
];

const pathParameter = (name: string, schema: Json): Json => ({
  name,
  in: 'path',
  required: true,
  schema,
});
const queryFlag = (name: string): Json => ({ name, in: 'query', schema: { type: 'boolean' } });
const header = (name: string): Json => ({ name, in: 'header', schema: { type: 'string' } });

const KIND = pathParameter('kind', { enum: Object.keys(SCHEMAS) });
const OWNER = pathParameter('owner', { type: 'string' });
const INSTANCE_ID = pathParameter('id', { type: 'string', format: 'uuid' });
const NAME = pathParameter('name', { type: 'string' });

const reference = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });
const content = (type: string, name: string): Json => ({ [type]: { schema: reference(name) } });

function operation(
  summary: string,
  { body, answer }: { readonly body?: string; readonly answer?: string },
  parameters: readonly Json[] = [],
  problems: readonly ProblemCode[] = [],
): Json {
  const byStatus = Object.groupBy(
    [...problems, 'unavailable' as const],
    (code) => PROBLEMS[code][0],
  );
  const responses = Object.entries(byStatus).map(([status, codes = []]) => [
    status,
    {
      description: `Code ${codes.join(' or ')}`,
      content: content('application/problem+json', 'Problem'),
    },
  ]);
  return {
    summary,
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: content('application/json', body) } }),
    responses: {
      '2XX':
        answer === undefined
          ? { description: 'Done' }
          : { description: 'Done', content: content('application/json', answer) },
      ...Object.fromEntries(responses),
    },
  };
}

const operator = (described: Json): Json => ({ ...described, security: [{ operator: [] }] });

function schemaOf(schema: z.ZodMiniType): Json {
  const { $schema: _, ...described } = z.toJSONSchema(schema, {
    io: 'input',
    target: 'draft-2020-12',
  });
  return described;
}
