import { VERSION } from '../shared/protocol/version.ts';
import { Refusal } from '../shared/refusal.ts';
import type { Endpoint, PlainEndpoint } from './endpoint.ts';

/** Discovery under the two addresses that the guides use. */
const discovery = (name: string): Endpoint => ({
  name: `webapi-${name}`,
  methods: ['GET'],
  route: `v1/webapi/${name}`,
  answer: async ({ broker }) => ({ body: await broker.discover() }),
});

export const ping = discovery('ping');
export const find = discovery('find');

/** The version to install, for scripts: `v`, and what discovery calls `server_version`. There is one channel. */
export const versionChannel: PlainEndpoint = {
  name: 'webapi-version',
  methods: ['GET'],
  route: 'v1/webapi/automaticupgrades/channel/{channel}/version',
  answerPlainly({ params }) {
    if (params['channel'] !== 'default') {
      throw new Refusal('not_found', 'expected the channel default: there is no other');
    }
    return { body: `v${VERSION}`, headers: { 'content-type': 'text/plain; charset=utf-8' } };
  },
};
