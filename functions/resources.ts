import { rightFor } from '../shared/operators/operator.ts';
import { badInput } from '../shared/refusal.ts';
import type { Answer, Endpoint, Exchange } from './endpoint.ts';
import { asWriter, audited, checkReader, param, type Written } from './operator-call.ts';

const ONE = 'v1/resources/{kind}/{name}';

export const listResources: Endpoint = {
  name: 'list-resources',
  methods: ['GET'],
  route: 'v1/resources/{kind}',
  async answer(exchange) {
    await checkReader(exchange);
    const { broker, request } = exchange;
    return { body: await broker.resources.list(param(request, 'kind'), request.query.get('next')) };
  },
};

export const getResource: Endpoint = {
  name: 'get-resource',
  methods: ['GET'],
  route: ONE,
  async answer(exchange) {
    await checkReader(exchange);
    const { broker, request } = exchange;
    const { resource, etag } = await broker.resources.get(
      param(request, 'kind'),
      param(request, 'name'),
    );
    return { body: resource, headers: { etag } };
  },
};

export const putResource: Endpoint = {
  name: 'put-resource',
  methods: ['PUT'],
  route: ONE,
  async answer(exchange) {
    const { broker, call, request, body } = exchange;
    const { headers, query } = request;
    const dryRun = isOn(query, 'dry_run');
    const action = headers.get('if-none-match') === null ? 'replace' : 'create';
    const put = async (): Promise<Written> => {
      const { resource, etag, created, secret, warnings, changes } = await broker.resources.put(
        param(request, 'kind'),
        param(request, 'name'),
        body(),
        { ifNoneMatch: headers.get('if-none-match'), ifMatch: headers.get('if-match'), dryRun },
      );
      return {
        answer: {
          status: created ? 201 : 200,
          body: {
            ...resource,
            ...(secret !== undefined && { secret }),
            ...(warnings.length > 0 && { warnings }),
          },
          ...(etag !== undefined && { headers: { etag } }),
        },
        changes,
      };
    };
    const right = rightFor(param(request, 'kind'));
    if (dryRun) return asWriter(exchange, async () => (await put()).answer, right);
    const answer = await write(exchange, action, put);
    if (param(request, 'kind') === 'lock') await atMost(SEARCH_MS, broker.lists.update(call));
    return answer;
  },
};

export const deleteResource: Endpoint = {
  name: 'delete-resource',
  methods: ['DELETE'],
  route: ONE,
  answer: (exchange) =>
    write(exchange, 'delete', async () => {
      const { broker, request } = exchange;
      const changes = await broker.resources.remove(
        param(request, 'kind'),
        param(request, 'name'),
        request.headers.get('if-match'),
        isOn(request.query, 'force'),
      );
      return { answer: { status: 204 }, changes };
    }),
};

/** A switch of the query: `true`, or absent. */
function isOn(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  if (value === null || value === 'false') return false;
  if (value === 'true') return true;
  throw badInput({ field: name, message: 'expected true or false' });
}

const write = (
  exchange: Exchange,
  action: 'create' | 'replace' | 'delete',
  work: () => Promise<Written>,
): Promise<Answer> => {
  const { request } = exchange;
  const kind = param(request, 'kind');
  return audited(exchange, action, `${kind}/${param(request, 'name')}`, work, rightFor(kind));
};

/** Who locks need not wait for what may be a large search: it goes on, and the timer does it again. */
const SEARCH_MS = 5000;

async function atMost(milliseconds: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([work, over]);
  clearTimeout(timer);
}
