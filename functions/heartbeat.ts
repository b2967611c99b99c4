import { heartbeatBody } from '../shared/protocol/heartbeat.ts';
import { STRANGERS } from '../shared/protocol/json.ts';
import { bodyAs, type Endpoint } from './endpoint.ts';

export const heartbeat: Endpoint = {
  name: 'heartbeat',
  methods: ['POST'],
  route: 'v1/heartbeat',
  async answer(exchange) {
    await exchange.broker.heartbeat(
      () => bodyAs(heartbeatBody, exchange, STRANGERS),
      exchange.call,
    );
    return { status: 204 };
  },
};
