import { checkRight } from '../shared/operators/operator.ts';
import { badInput, Refusal } from '../shared/refusal.ts';
import { isRequestId } from '../shared/storage/join-log.ts';
import type { BrokerEndpoint } from './endpoint.ts';

/** What became of one join, and why: for the operator who was given its request id. */
export const getJoin: BrokerEndpoint = {
  name: 'get-join',
  methods: ['GET'],
  route: 'v1/joins/{id}',
  async answer({ broker, request }) {
    checkRight(await broker.identifyOperator(request.headers.get('authorization')), 'read');
    const id = (request.params['id'] ?? '').toLowerCase();
    if (!isRequestId(id)) throw badInput({ field: 'id', message: 'expected a request id' });
    const record = await broker.findJoin(id);
    if (record) return { body: record };
    throw new Refusal(
      'not_found',
      'the join log has no such request: it keeps those of machines, for 30 days',
    );
  },
};
