import type { Endpoint } from './endpoint.ts';
import { audited, checkReader, param } from './operator-call.ts';

const ONE = 'v1/instances/{owner}/{id}';

export const listInstances: Endpoint = {
  name: 'list-instances',
  methods: ['GET'],
  route: 'v1/instances',
  async answer(exchange) {
    await checkReader(exchange);
    const { broker, request } = exchange;
    const { query } = request;
    return { body: await broker.instances.list(query.get('owner') ?? '', query.get('next')) };
  },
};

export const getInstance: Endpoint = {
  name: 'get-instance',
  methods: ['GET'],
  route: ONE,
  async answer(exchange) {
    await checkReader(exchange);
    const { broker, request } = exchange;
    return { body: await broker.instances.get(param(request, 'owner'), param(request, 'id')) };
  },
};

export const deleteInstance: Endpoint = {
  name: 'delete-instance',
  methods: ['DELETE'],
  route: ONE,
  answer(exchange) {
    const { broker, request } = exchange;
    const [owner, id] = [param(request, 'owner'), param(request, 'id')];
    return audited(exchange, 'delete', `instance/${owner}/${id}`, async () => {
      await broker.instances.remove(owner, id);
      return { answer: { status: 204 } };
    });
  },
};
