import type { Endpoint } from './endpoint.ts';
import { checkReader, param } from './operator-call.ts';

/** What operators changed, or were refused. */
export const listAudit: Endpoint = {
  name: 'list-audit',
  methods: ['GET'],
  route: 'v1/audit',
  async answer(exchange) {
    await checkReader(exchange);
    const { broker, request } = exchange;
    return { body: await broker.audit.list(Object.fromEntries(request.query)) };
  },
};

/** One change, by the id of the request that made it. */
export const getAudit: Endpoint = {
  name: 'get-audit',
  methods: ['GET'],
  route: 'v1/audit/{id}',
  async answer(exchange) {
    await checkReader(exchange);
    const { broker, request } = exchange;
    return { body: await broker.audit.get(param(request, 'id')) };
  },
};
