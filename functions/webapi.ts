import type { Endpoint } from './endpoint.ts';

/** Discovery under the two addresses that the guides use. */
const discovery = (name: string): Endpoint => ({
  name: `webapi-${name}`,
  methods: ['GET'],
  route: `v1/webapi/${name}`,
  answer: async ({ broker }) => ({ body: await broker.discover() }),
});

export const ping = discovery('ping');
export const find = discovery('find');
