import type { BrokerEndpoint, PlainEndpoint } from './endpoint.ts';

/** The process answers. */
export const healthz: PlainEndpoint = {
  name: 'healthz',
  methods: ['GET'],
  route: 'healthz',
  answerPlainly: () => ({ body: { status: 'ok' } }),
};

/** It can do its work: storage is reachable, signing keys are loaded and valid. */
export const readyz: BrokerEndpoint = {
  name: 'readyz',
  methods: ['GET'],
  route: 'readyz',
  async answer({ broker }) {
    const warnings = await broker.checkReady();
    return { body: { status: 'ok', ...(warnings.length > 0 && { warnings }) } };
  },
};
