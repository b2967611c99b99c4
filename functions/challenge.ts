import { challengeRequest } from '../shared/protocol/join.ts';
import { bodyAs, type Endpoint } from './endpoint.ts';

export const challenge: Endpoint = {
  name: 'challenge',
  methods: ['POST'],
  route: 'v1/join/challenge',
  answer: async (exchange) => ({
    body: await exchange.broker.challenge(bodyAs(challengeRequest, exchange)),
  }),
};
