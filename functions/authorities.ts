import {
  initBody,
  ROTATED_AUTHORITIES,
  retireBody,
  rotateBody,
} from '../shared/protocol/authorities.ts';
import { restoreBody } from '../shared/protocol/backup.ts';
import { Refusal } from '../shared/refusal.ts';
import { type Answer, bodyAs, type Endpoint, type Exchange } from './endpoint.ts';
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

type Action = Parameters<typeof audited>[1];

/** Whatever is done with authorities is audited, and is for an app role of its own: who manages join tokens can't touch keys. */
const act = (
  described: Pick<Endpoint, 'name' | 'methods' | 'route'>,
  action: Action,
  resource: (exchange: Exchange) => string,
  work: (exchange: Exchange) => Promise<Answer>,
): Endpoint => ({
  ...described,
  answer: (exchange) =>
    audited(
      exchange,
      action,
      resource(exchange),
      async () => ({ answer: await work(exchange) }),
      'authorities',
    ),
});

const statusOf = async ({ broker }: Exchange): Promise<Answer> => ({
  body: await broker.authorities.status(),
});

/** The one-time act that makes the first keys. */
export const initAuthorities = act(
  { name: 'init-authorities', methods: ['POST'], route: 'v1/authorities/init' },
  'create',
  () => 'authorities',
  async (exchange) => {
    await exchange.broker.authorities.init(bodyAs(initBody, exchange), exchange.call);
    return { ...(await statusOf(exchange)), status: 201 };
  },
);

/** A successor before it is due, or after a leak a key in the place of all of its kind. */
export const rotateAuthority = act(
  { name: 'rotate-authority', methods: ['POST'], route: 'v1/authorities/{name}/rotate' },
  'replace',
  ({ request }) => `authorities/${param(request, 'name')}`,
  async (exchange) => {
    const name = ROTATED_AUTHORITIES.find((known) => known === param(exchange.request, 'name'));
    if (!name) throw new Refusal('not_found', `expected one of ${ROTATED_AUTHORITIES.join(', ')}`);
    await exchange.broker.authorities.rotate(name, bodyAs(rotateBody, exchange), exchange.call);
    return statusOf(exchange);
  },
);

/** The old root's end. */
export const retireRoot = act(
  { name: 'retire-root', methods: ['POST'], route: 'v1/authorities/tls/retire' },
  'delete',
  () => 'authorities/tls',
  async (exchange) => {
    await exchange.broker.authorities.retire(bodyAs(retireBody, exchange), exchange.call);
    return statusOf(exchange);
  },
);

/** The keys as they are stored: sealed, but still for nobody else. */
export const backUpAuthorities = act(
  { name: 'back-up-authorities', methods: ['GET'], route: 'v1/authorities/backup' },
  'read',
  () => 'authorities',
  async ({ broker }) => ({ body: await broker.authorities.backUp() }),
);

export const restoreAuthorities = act(
  { name: 'restore-authorities', methods: ['POST'], route: 'v1/authorities/restore' },
  'create',
  () => 'authorities',
  async (exchange) => ({
    body: await exchange.broker.authorities.restore(bodyAs(restoreBody, exchange), exchange.call),
  }),
);
