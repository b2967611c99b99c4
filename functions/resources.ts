import { checkRight, type Operator } from '../shared/operators/operator.ts';
import { Refusal } from '../shared/refusal.ts';
import type { ResourceEvent } from '../shared/telemetry/telemetry.ts';
import type { Answer, Endpoint, Exchange } from './endpoint.ts';

const ONE = 'v1/resources/{kind}/{name}';

export const listResources: Endpoint = {
  name: 'list-resources',
  methods: ['GET'],
  route: 'v1/resources/{kind}',
  async answer(exchange) {
    checkRight(await identify(exchange), 'read');
    const { broker, request } = exchange;
    return { body: await broker.resources.list(param(request, 'kind'), request.query.get('next')) };
  },
};

export const getResource: Endpoint = {
  name: 'get-resource',
  methods: ['GET'],
  route: ONE,
  async answer(exchange) {
    checkRight(await identify(exchange), 'read');
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
  answer: (exchange) =>
    audited(exchange, async () => {
      const { broker, request, body } = exchange;
      const { resource, etag, created } = await broker.resources.put(
        param(request, 'kind'),
        param(request, 'name'),
        body,
        {
          ifNoneMatch: request.headers.get('if-none-match'),
          ifMatch: request.headers.get('if-match'),
        },
      );
      return { status: created ? 201 : 200, body: resource, headers: { etag } };
    }),
};

export const deleteResource: Endpoint = {
  name: 'delete-resource',
  methods: ['DELETE'],
  route: ONE,
  answer: (exchange) =>
    audited(exchange, async () => {
      const { broker, request } = exchange;
      await broker.resources.remove(
        param(request, 'kind'),
        param(request, 'name'),
        request.headers.get('if-match'),
      );
      return { status: 204 };
    }),
};

const param = (request: Exchange['request'], name: string): string => request.params[name] ?? '';

const identify = ({ broker, request }: Exchange): Promise<Operator> =>
  broker.identifyOperator(request.headers.get('authorization'));

/** A write by an operator: every one of them, and every refusal of one who signed in, leaves an audit line. */
async function audited(exchange: Exchange, write: () => Promise<Answer>): Promise<Answer> {
  const { broker, request, call } = exchange;
  const operator = await identify(exchange);
  const tell = (event: Pick<ResourceEvent, 'action' | 'outcome' | 'code'>): void => {
    const resource = printable(`${param(request, 'kind')}/${param(request, 'name')}`);
    broker.telemetry.audit(
      { event: 'resource', ...event, resource, operator: operator.oid },
      call.requestId,
      call.log,
    );
  };
  const action =
    request.method === 'DELETE'
      ? 'delete'
      : request.headers.get('if-none-match') === null
        ? 'replace'
        : 'create';
  try {
    checkRight(operator, 'write');
    const answer = await write();
    tell({ action, outcome: 'done' });
    return answer;
  } catch (error) {
    tell({ action, outcome: 'refused', code: error instanceof Refusal ? error.code : 'internal' });
    throw error;
  }
}

const printable = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?').slice(0, 128);
