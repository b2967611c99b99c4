import { initBody } from '../shared/protocol/authorities.ts';
import { bodyAs, type Endpoint } from './endpoint.ts';
import { audited, checkReader } from './operator-call.ts';

export const getAuthorities: Endpoint = {
  name: 'get-authorities',
  methods: ['GET'],
  route: 'v1/authorities',
  async answer(exchange) {
    await checkReader(exchange);
    return { body: await exchange.broker.authorities.status() };
  },
};

/** The one-time act that makes the first keys. Whoever manages join tokens can't do it: it has an app role of its own. */
export const initAuthorities: Endpoint = {
  name: 'init-authorities',
  methods: ['POST'],
  route: 'v1/authorities/init',
  answer(exchange) {
    const { broker, call } = exchange;
    return audited(
      exchange,
      'create',
      'authorities',
      async () => {
        await broker.initAuthorities(bodyAs(initBody, exchange), call);
        return { answer: { status: 201, body: await broker.authorities.status() } };
      },
      'authorities',
    );
  },
};
