import type { BrokerEndpoint } from './endpoint.ts';
import { checkReader } from './operator-call.ts';

/** What vouches for attested documents, and until when. */
export const listAzureRoots: BrokerEndpoint = {
  name: 'list-azure-roots',
  methods: ['GET'],
  route: 'v1/azure-roots',
  async answer(exchange) {
    await checkReader(exchange);
    return { body: await exchange.broker.azureRoots.list() };
  },
};
