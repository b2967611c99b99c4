import { badInput, Refusal } from '../shared/refusal.ts';
import { isRequestId } from '../shared/storage/join-log-places.ts';
import type { BrokerEndpoint } from './endpoint.ts';
import { checkReader, param } from './operator-call.ts';

/** What became of the joins of a time. */
export const listJoins: BrokerEndpoint = {
  name: 'list-joins',
  methods: ['GET'],
  route: 'v1/joins',
  async answer(exchange) {
    await checkReader(exchange);
    const { broker, request } = exchange;
    return { body: await broker.joins.list(Object.fromEntries(request.query)) };
  },
};

/** What became of one join, and why: for the operator who was given its request id. */
export const getJoin: BrokerEndpoint = {
  name: 'get-join',
  methods: ['GET'],
  route: 'v1/joins/{id}',
  async answer(exchange) {
    await checkReader(exchange);
    const { broker, request } = exchange;
    const id = param(request, 'id').toLowerCase();
    if (!isRequestId(id)) throw badInput({ field: 'id', message: 'expected a request id' });
    const record = await broker.joins.find(id);
    if (record) return { body: record };
    throw new Refusal(
      'not_found',
      'the join log has no such request: it keeps those of machines, for 30 days',
    );
  },
};

/** Whether the join log is as it was written. */
export const verifyJoins: BrokerEndpoint = {
  name: 'verify-joins',
  methods: ['GET'],
  route: 'v1/join-log/verification',
  async answer(exchange) {
    await checkReader(exchange);
    const { broker, request } = exchange;
    return { body: await broker.joins.verify(Object.fromEntries(request.query)) };
  },
};
