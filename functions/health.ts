import type { Endpoint } from './endpoint.ts';

/** The process answers. */
export const healthz: Endpoint = {
  name: 'healthz',
  methods: ['GET'],
  route: 'healthz',
  answer: () => ({ body: { status: 'ok' } }),
};

/** It can do its work: storage is reachable, signing keys are loaded and valid. */
export const readyz: Endpoint = {
  name: 'readyz',
  methods: ['GET'],
  route: 'readyz',
  async answer({ broker }) {
    await broker.checkReady();
    return { body: { status: 'ok' } };
  },
};
