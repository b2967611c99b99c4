/** The OpenAPI 3.1 document of the API, made from the very schemas that bodies are checked with, when a bundle is built. */
import * as z from 'zod/mini';
import { auditAction, auditOutcome, auditPage, auditRecord } from './protocol/audit-record.ts';
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
import { DENIAL_REASONS } from './protocol/denial-reason.ts';
import { discovery } from './protocol/discovery.ts';
import { explainRequest, explanation } from './protocol/explain.ts';
import { health } from './protocol/health.ts';
import { heartbeat, heartbeatBody } from './protocol/heartbeat.ts';
import { nameRecord } from './protocol/host-name.ts';
import { instancePage, instanceRecord } from './protocol/instance.ts';
import { joinAnswer, joinBody, joinRequest } from './protocol/join.ts';
import { logVerification, verificationCursor } from './protocol/join-log-verification.ts';
import { joinOutcome, joinPage, joinRecord, requestId } from './protocol/join-record.ts';
import { PROBLEMS, type ProblemCode, problem } from './protocol/problem.ts';
import { resourcePage, writtenResource } from './protocol/resource.ts';
import { revocationLists } from './protocol/revocation.ts';
import { spiffeBundle } from './protocol/spiffe-bundle.ts';
import { trustBundle } from './protocol/trust.ts';
import { dnsName, guid, name } from './protocol/values.ts';
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
    servers: [{ url: '/', description: 'The broker that serves this document.' }],
    security: [],
    paths: {
      '/v1/join': {
        post: operation(
          'join',
          'Joins, or renews an instance. `request` is the JSON text of a JoinRequest; every proof is made over its bytes',
          { body: 'JoinBody', answer: 'JoinAnswer' },
          [],
          ['throttled', 'access_denied', 'instance_unknown', 'try_again'],
        ),
      },
      '/v1/heartbeat': {
        post: operation(
          'heartbeat',
          'What an agent says of itself. `heartbeat` is the JSON text of a Heartbeat, signed with the instance key',
          { body: 'HeartbeatBody' },
          [],
          ['throttled', 'instance_unknown'],
        ),
      },
      '/v1/trust': {
        get: operation('trust', 'The trust bundle', { answer: 'TrustBundle', isKept: true }),
      },
      '/v1/trust/{form}': {
        get: {
          ...operation(
            'trust-form',
            'One part of the trust bundle: as plain text, or the roots as a SPIFFE bundle; or a revocation list, also `<key identifier>.crl`',
            {
              answer: ['SpiffeBundle', 'RevocationLists'],
              types: [
                'application/x-pem-file',
                'text/plain',
                'application/octet-stream',
                'application/pkix-crl',
              ],
              isKept: true,
            },
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
      '/v1/webapi/ping': { get: operation('webapi-ping', 'Discovery', { answer: 'Discovery' }) },
      '/v1/webapi/find': { get: operation('webapi-find', 'Discovery', { answer: 'Discovery' }) },
      '/v1/webapi/automaticupgrades/channel/{channel}/version': {
        get: operation(
          'webapi-version',
          'The version to install, as text: `v` and the version',
          { types: ['text/plain'] },
          [pathParameter('channel', { enum: ['default'] })],
          ['not_found'],
        ),
      },
      '/scripts/install.sh': {
        get: operation(
          'install-script',
          'The shell script that installs joinbot, made for the address at which it is asked for',
          { types: ['text/x-shellscript'] },
          [],
          ['bad_request'],
        ),
      },
      '/scripts/{tool}': {
        get: operation(
          'tool',
          'A tool of this version, as one JavaScript file for Node.js 20 or later',
          { types: ['text/javascript'], isKept: true },
          [pathParameter('tool', { enum: ['joinbot.cjs', 'joinctl.cjs'] })],
          ['not_found'],
        ),
      },
      '/healthz': { get: operation('healthz', 'The process answers', { answer: 'Health' }) },
      '/readyz': {
        get: operation('readyz', 'Storage is reachable, signing keys are loaded and valid', {
          answer: 'Health',
        }),
      },
      '/v1/explain': {
        post: operator(
          operation(
            'explain',
            'What would happen to a machine with these facts, step by step. Nothing is changed',
            { body: 'ExplainRequest', answer: 'Explanation' },
            [],
            READING,
          ),
        ),
      },
      '/v1/joins': {
        get: operator(
          operation(
            'list-joins',
            'A page of attempts to join, oldest first: of the last hour, unless since says otherwise. It may be empty and name a next one',
            { answer: 'JoinPage' },
            [
              ...PERIOD,
              query('bot', TEXT),
              query('token', TEXT),
              query('machine', TEXT),
              query('result', schemaOf(joinOutcome)),
              query('reason', { enum: DENIAL_REASONS }),
              query('next', schemaOf(requestId)),
            ],
            READING,
          ),
        ),
      },
      '/v1/join-log/verification': {
        get: operator(
          operation(
            'verify-joins',
            'A page of looking whether the join log is as it was written: of all that it keeps, unless since says otherwise',
            { answer: 'LogVerification' },
            [...PERIOD, query('next', schemaOf(verificationCursor))],
            READING,
          ),
        ),
      },
      '/v1/joins/{id}': {
        get: operator(
          operation(
            'get-join',
            'What became of a join, and why',
            { answer: 'JoinRecord' },
            [pathParameter('id', schemaOf(requestId))],
            READING,
          ),
        ),
      },
      '/v1/audit': {
        get: operator(
          operation(
            'list-audit',
            'A page of changes by operators, oldest first: of the last day, unless since says otherwise. It may be empty and name a next one',
            { answer: 'AuditPage' },
            [
              ...PERIOD,
              query('operator', SHORT_TEXT),
              query('resource', SHORT_TEXT),
              query('action', schemaOf(auditAction)),
              query('outcome', schemaOf(auditOutcome)),
              query('next', schemaOf(requestId)),
            ],
            READING,
          ),
        ),
      },
      '/v1/audit/{id}': {
        get: operator(
          operation(
            'get-audit',
            'One change: who, what, before and after',
            { answer: 'AuditRecord' },
            [pathParameter('id', schemaOf(requestId))],
            READING,
          ),
        ),
      },
      '/v1/instances': {
        get: operator(
          operation(
            'list-instances',
            'A page of the instances of an owner: `bot:<name>`, or `host:<system role>`',
            { answer: 'InstancePage' },
            [{ ...query('owner', OWNER_TEXT), required: true }, query('next', schemaOf(guid))],
            READING,
          ),
        ),
      },
      '/v1/instances/{owner}/{id}': {
        get: operator(
          operation(
            'get-instance',
            'One instance',
            { answer: 'InstanceRecord' },
            [OWNER, INSTANCE_ID],
            [...READING, 'gone'],
          ),
        ),
        delete: operator(
          operation(
            'delete-instance',
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
            'list-azure-roots',
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
            'get-authorities',
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
            'init-authorities',
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
            'rotate-authority',
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
            'retire-root',
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
            'back-up-authorities',
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
            'restore-authorities',
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
            'list-names',
            'A page of the names of hosts, with all that is known of them',
            { answer: 'NamePage' },
            [query('next', schemaOf(dnsName))],
            READING,
          ),
        ),
        post: operator(
          operation(
            'restore-names',
            'Puts back who had names, from a backup; whoever has one by now keeps it',
            { body: 'RestoreNamesBody', answer: 'RestoredNames' },
            [],
            [...READING, 'too_large'],
          ),
        ),
      },
      '/v1/names/{name}': {
        get: operator(
          operation(
            'get-name',
            "Whose a host's name is",
            { answer: 'NameRecord' },
            [HOST_NAME],
            READING,
          ),
        ),
        delete: operator(
          operation(
            'delete-name',
            'Frees the name of a host, for any machine whose name it would be',
            {},
            [HOST_NAME],
            READING,
          ),
        ),
      },
      '/v1/resources/{kind}': {
        get: operator(
          operation(
            'list-resources',
            'A page of resources',
            { answer: 'ResourcePage' },
            [KIND, query('next', schemaOf(name))],
            READING,
          ),
        ),
      },
      '/v1/resources/{kind}/{name}': {
        get: operator(
          operation('get-resource', 'One resource', { answer: 'Resource' }, [KIND, NAME], READING),
        ),
        put: operator(
          operation(
            'put-resource',
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
            'delete-resource',
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
        RevocationLists: schemaOf(revocationLists),
        Discovery: schemaOf(discovery),
        Health: schemaOf(health),
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

/** What may be wrong with a body, before anybody looks at what it says. */
const WITH_BODY: readonly ProblemCode[] = [
  'bad_request',
  'length_required',
  'too_large',
  'unsupported_media_type',
];
const READING: readonly ProblemCode[] = [
  'bad_request',
  'unauthenticated',
  'forbidden',
  'not_found',
];

const pathParameter = (parameter: string, schema: Json): Json => ({
  name: parameter,
  in: 'path',
  required: true,
  schema,
});
const query = (parameter: string, schema: Json): Json => ({
  name: parameter,
  in: 'query',
  schema,
});
const queryFlag = (flag: string): Json => query(flag, { type: 'boolean' });
const header = (field: string): Json => ({
  name: field,
  in: 'header',
  schema: { type: 'string' },
});

const KIND = pathParameter('kind', { enum: Object.keys(SCHEMAS) });
/** What only code says of an owner, as a pattern. */
const OWNER_TEXT: Json = {
  type: 'string',
  pattern:
    '^(?:bot:[A-Za-z0-9][A-Za-z0-9._-]{0,62}|host:(?:Node|Proxy|Kube|App|Db|WindowsDesktop|Discovery))$',
};
const TEXT: Json = { type: 'string', minLength: 1, maxLength: 2048 };
const SHORT_TEXT: Json = { type: 'string', minLength: 1, maxLength: 256 };
const PERIOD: readonly Json[] = ['since', 'until'].map((end) =>
  query(end, { type: 'string', format: 'date-time' }),
);

const OWNER = pathParameter('owner', OWNER_TEXT);
const INSTANCE_ID = pathParameter('id', { type: 'string', format: 'uuid' });
const NAME = pathParameter('name', schemaOf(name));
const HOST_NAME = pathParameter('name', schemaOf(dnsName));

const reference = (schema: string): Json => ({ $ref: `#/components/schemas/${schema}` });
const content = (type: string, schema: string): Json => ({
  [type]: { schema: reference(schema) },
});

interface Bodies {
  /** The schema of a body that is sent, as JSON. */
  readonly body?: string;
  /** The schema of the answer, as JSON; of several, one of them. */
  readonly answer?: string | readonly string[];
  /** Types of answers that are no JSON. */
  readonly types?: readonly string[];
  /** Whether it is answered 304 to who has it already (`If-None-Match`). */
  readonly isKept?: boolean;
}

/** `id` is the function's name. */
function operation(
  id: string,
  summary: string,
  { body, answer = [], types = [], isKept = false }: Bodies,
  parameters: readonly Json[] = [],
  problems: readonly ProblemCode[] = [],
): Json {
  const codes = new Set<ProblemCode>([
    ...problems,
    ...(body === undefined ? [] : WITH_BODY),
    // Where the broker is two apps, each answers for itself.
    'misdirected',
    'unavailable',
  ]);
  const byStatus = Object.groupBy(codes, (code) => PROBLEMS[code][0]);
  const responses = Object.entries(byStatus).map(([status, same = []]) => [
    status,
    {
      description: `Code ${same.join(' or ')}`,
      content: content('application/problem+json', 'Problem'),
    },
  ]);
  const all = [...parameters, ...(isKept ? [header('If-None-Match')] : [])];
  const answers = [answer].flat();
  const [only] = answers;
  const json = answers.length > 1 ? { anyOf: answers.map(reference) } : reference(only ?? '');
  const given = {
    ...(only === undefined ? {} : { 'application/json': { schema: json } }),
    ...Object.fromEntries(types.map((type) => [type, { schema: { type: 'string' } }])),
  };
  return {
    operationId: id,
    summary,
    ...(all.length > 0 ? { parameters: all } : {}),
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: content('application/json', body) } }),
    responses: {
      '2XX':
        Object.keys(given).length === 0
          ? { description: 'Done' }
          : { description: 'Done', content: given },
      ...(isKept && { 304: { description: 'It is as it was' } }),
      ...Object.fromEntries(responses),
    },
  };
}

/** For operators, who say so; the others are for everybody. */
const operator = (described: Json): Json => ({ ...described, security: [{ operator: [] }] });

function schemaOf(schema: z.ZodMiniType): Json {
  const { $schema: _, ...described } = z.toJSONSchema(schema, {
    io: 'input',
    target: 'draft-2020-12',
    override({ jsonSchema }) {
      // Not every reader of patterns knows classes of Unicode: these are the same characters.
      const { pattern } = jsonSchema;
      if (pattern)
        jsonSchema.pattern = pattern.replaceAll('\\p{Cc}', '\\u0000-\\u001f\\u007f-\\u009f');
    },
  });
  return described;
}
