import {
  initBody,
  ROTATED_AUTHORITIES,
  retireBody,
  rotateBody,
} from '../shared/protocol/authorities.ts';
import { restoreBody } from '../shared/protocol/backup.ts';
import { Refusal } from '../shared/refusal.ts';
import { bodyAs, type Endpoint } from './endpoint.ts';
import { audited, checkReader, param } from './operator-call.ts';

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

/** A successor before it is due, or after a leak a key in the place of all of its kind. */
export const rotateAuthority: Endpoint = {
  name: 'rotate-authority',
  methods: ['POST'],
  route: 'v1/authorities/{name}/rotate',
  answer(exchange) {
    const { broker, call, request } = exchange;
    return audited(
      exchange,
      'replace',
      `authorities/${param(request, 'name')}`,
      async () => {
        const name = ROTATED_AUTHORITIES.find((known) => known === param(request, 'name'));
        if (!name)
          throw new Refusal('not_found', `expected one of ${ROTATED_AUTHORITIES.join(', ')}`);
        await broker.rotateAuthority(name, bodyAs(rotateBody, exchange), call);
        return { answer: { body: await broker.authorities.status() } };
      },
      'authorities',
    );
  },
};

/** The keys as they are stored: sealed, but still for nobody else. */
export const backUpAuthorities: Endpoint = {
  name: 'back-up-authorities',
  methods: ['GET'],
  route: 'v1/authorities/backup',
  answer: (exchange) =>
    audited(
      exchange,
      'read',
      'authorities',
      async () => ({ answer: { body: await exchange.broker.authorities.backUp() } }),
      'authorities',
    ),
};

export const restoreAuthorities: Endpoint = {
  name: 'restore-authorities',
  methods: ['POST'],
  route: 'v1/authorities/restore',
  answer(exchange) {
    const { broker, call } = exchange;
    return audited(
      exchange,
      'create',
      'authorities',
      async () => ({
        answer: { body: await broker.restoreAuthorities(bodyAs(restoreBody, exchange), call) },
      }),
      'authorities',
    );
  },
};

/** The old root's end. */
export const retireRoot: Endpoint = {
  name: 'retire-root',
  methods: ['POST'],
  route: 'v1/authorities/tls/retire',
  answer(exchange) {
    const { broker, call } = exchange;
    return audited(
      exchange,
      'delete',
      'authorities/tls',
      async () => {
        await broker.retireRoot(bodyAs(retireBody, exchange), call);
        return { answer: { body: await broker.authorities.status() } };
      },
      'authorities',
    );
  },
};
