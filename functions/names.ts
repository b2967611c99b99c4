import type { Endpoint } from './endpoint.ts';
import { audited, checkReader, param } from './operator-call.ts';

const ONE = 'v1/names/{name}';

export const getName: Endpoint = {
  name: 'get-name',
  methods: ['GET'],
  route: ONE,
  async answer(exchange) {
    await checkReader(exchange);
    const { broker, request } = exchange;
    return { body: await broker.names.get(param(request, 'name')) };
  },
};

export const deleteName: Endpoint = {
  name: 'delete-name',
  methods: ['DELETE'],
  route: ONE,
  answer(exchange) {
    const { broker, request } = exchange;
    const name = param(request, 'name');
    return audited(exchange, 'delete', `name/${name}`, async () => {
      await broker.names.free(name);
      return { answer: { status: 204 } };
    });
  },
};
