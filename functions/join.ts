import { joinBody } from '../shared/protocol/join.ts';
import { STRANGERS } from '../shared/protocol/json.ts';
import { bodyAs, type Endpoint } from './endpoint.ts';

export const join: Endpoint = {
  name: 'join',
  methods: ['POST'],
  route: 'v1/join',
  answer: async (exchange) => ({
    body: await exchange.broker.join(() => bodyAs(joinBody, exchange, STRANGERS), exchange.call),
  }),
};
