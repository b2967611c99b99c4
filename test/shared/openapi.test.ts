import { describe, expect, test } from 'vitest';
import { endpoints } from '../../functions/endpoints.ts';
import { openApiDocument } from '../../shared/openapi.ts';
import { PROBLEMS } from '../../shared/protocol/problem.ts';

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required?: boolean;
  readonly schema: object;
}
type Content = Readonly<Record<string, { readonly schema: object }>>;
interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly required: boolean; readonly content: Content };
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: Content }>
  >;
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
}
interface Document {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
    readonly securitySchemes: Readonly<Record<string, unknown>>;
  };
}

const document = JSON.parse(JSON.stringify(openApiDocument('1.2.3'))) as Document;
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);

test('is a document of OpenAPI 3.1 with the version of the software', () => {
  expect(document.openapi).toBe('3.1.0');
  expect(document.info).toMatchObject({ title: 'Join Broker', version: '1.2.3' });
});

test('has every function with its methods, and nothing else', () => {
  const served = endpoints
    .filter(({ name }) => !['not-found', 'openapi', 'config-schema'].includes(name))
    .flatMap(({ methods, route }) => methods.map((method) => `${method} /${route}`))
    .filter((served) => !served.startsWith('HEAD '));
  const described = operations.map(({ path, method }) => `${method.toUpperCase()} ${path}`);
  expect(described.toSorted()).toEqual(served.toSorted());
});

test("calls each operation by its function's name", () => {
  const named = (id: string) => endpoints.find(({ name }) => name === id);
  for (const { path, operation } of operations)
    expect(named(operation.operationId)?.route, path).toBe(path.slice(1));
});

/** Every object in the document. */
function* objectsIn(value: unknown): Generator<Readonly<Record<string, unknown>>> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield value as Readonly<Record<string, unknown>>;
  for (const child of Object.values(value)) yield* objectsIn(child);
}

test('every reference leads somewhere', () => {
  const references = [...objectsIn(document)].flatMap(({ $ref }) =>
    $ref === undefined ? [] : [$ref],
  );
  expect(references.length).toBeGreaterThan(10);
  for (const reference of references) {
    expect(reference).toMatch(/^#\//);
    const found = String(reference)
      .slice(2)
      .split('/')
      .reduce<unknown>((value, part) => (value as Record<string, unknown>)?.[part], document);
    expect(found, String(reference)).toBeTypeOf('object');
  }
});

describe('every operation', () => {
  test.each(operations)('$method $path', ({ path, operation }) => {
    const { parameters = [], responses, requestBody, summary, security = [] } = operation;
    expect(summary).not.toBe('');

    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const declared = parameters.filter((one) => one.in === 'path');
    expect(declared.map(({ name }) => name)).toEqual(inPath);
    for (const parameter of parameters) {
      expect(['path', 'query', 'header']).toContain(parameter.in);
      expect(parameter.required ?? false).toBe(
        parameter.in === 'path' || (path === '/v1/instances' && parameter.name === 'owner'),
      );
      expect(parameter.schema).toBeTypeOf('object');
    }
    expect(new Set(parameters.map(({ name }) => name)).size).toBe(parameters.length);

    expect(responses).toHaveProperty('2XX');
    const statuses: readonly string[] = Object.values(PROBLEMS).map(([status]) => String(status));
    for (const [status, response] of Object.entries(responses)) {
      expect(response.description).not.toBe('');
      if (status === '2XX' || status === '304') continue;
      expect(statuses).toContain(status);
      expect(Object.keys(response.content ?? {})).toEqual(['application/problem+json']);
    }
    if (requestBody) expect(Object.keys(requestBody.content)).toEqual(['application/json']);
    for (const scheme of security.flatMap(Object.keys))
      expect(document.components.securitySchemes).toHaveProperty(scheme);
  });

  test('on what operators manage is for operators, and no other', () => {
    for (const { path, operation } of operations)
      expect(operation.security !== undefined).toBe(
        /^\/v1\/(?:resources|joins|join-log|instances|names|explain|authorities|azure-roots|audit)(?:\/|$)/.test(
          path,
        ),
      );
  });
});

test('schemas are those of the checks', () => {
  const { JoinRequest, Token, Resource } = document.components.schemas;
  expect(JoinRequest).toMatchObject({
    type: 'object',
    required: ['broker', 'id', 'token', 'join_method', 'certificates'],
    additionalProperties: false,
  });
  expect(Token).toMatchObject({ properties: { kind: { const: 'token' } } });
  expect(Resource).toEqual({
    oneOf: ['Token', 'Bot', 'Role', 'Lock', 'AzureRoot', 'AzureDeniedSigner'].map((name) => ({
      $ref: `#/components/schemas/${name}`,
    })),
  });
});
