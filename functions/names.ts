import { restoreNamesBody } from '../shared/protocol/backup.ts';
import { bodyAs, type Endpoint } from './endpoint.ts';
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

const ALL = 'v1/names';

export const listNames: Endpoint = {
  name: 'list-names',
  methods: ['GET'],
  route: ALL,
  async answer(exchange) {
    await checkReader(exchange);
    const { broker, request } = exchange;
    return { body: await broker.names.list(request.query.get('next')) };
  },
};

/** Puts back who had names, from a backup. */
export const restoreNames: Endpoint = {
  name: 'restore-names',
  methods: ['POST'],
  route: ALL,
  answer(exchange) {
    return audited(exchange, 'create', 'names', async () => {
      const { items } = bodyAs(restoreNamesBody, exchange);
      return { answer: { body: await exchange.broker.names.restore(items) } };
    });
  },
};
