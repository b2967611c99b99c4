import { explainRequest } from '../shared/protocol/explain.ts';
import { type BrokerEndpoint, bodyAs } from './endpoint.ts';
import { checkReader } from './operator-call.ts';

/** What would happen to a machine, and why. It changes nothing, so readers may ask. */
export const explain: BrokerEndpoint = {
  name: 'explain',
  methods: ['POST'],
  route: 'v1/explain',
  async answer(exchange) {
    await checkReader(exchange);
    return { body: await exchange.broker.explain(bodyAs(explainRequest, exchange)) };
  },
};
