import { describe, expect, test } from 'vitest';
import '../broker/matchers.ts';
import { discovery } from '../../shared/protocol/discovery.ts';
import { createTestBroker } from '../broker/test-broker.ts';

describe.each(['ping', 'find'])('GET /v1/webapi/%s', (name) => {
  const path = `/v1/webapi/${name}`;

  test('names the audiences that the settings accept, as an agent must ask for them', async () => {
    const settings = { JOIN_BROKER_AUDIENCES: 'api://join-broker, https://vault.azure.net' };
    const { body } = await createTestBroker({ settings }).request('GET', path);
    expect(body).toMatchObject({ audiences: ['api://join-broker', 'https://vault.azure.net'] });
  });

  test('can be read by tools that know older brokers', async () => {
    const { body } = await createTestBroker().request('GET', path);
    const { audiences, ...older } = body as { audiences: unknown };
    expect(audiences).toHaveLength(2);
    expect(discovery.parse(older)).toEqual(older);
  });
});

describe('GET /v1/webapi/automaticupgrades/channel/{channel}/version', () => {
  const ask = (channel: string) =>
    createTestBroker().request('GET', `/v1/webapi/automaticupgrades/channel/${channel}/version`);

  test('of the default channel is the version that ping tells, after a v', async () => {
    const ping = await createTestBroker().request('GET', '/v1/webapi/ping');
    const { server_version } = ping.body as { server_version: string };
    const { status, headers, body } = await ask('default');
    expect({ status, body }).toEqual({ status: 200, body: `v${server_version}` });
    expect(headers.get('content-type')).toBe('text/plain; charset=utf-8');
  });

  test.each(['stable', 'Default', 'default%20', '__proto__'])(
    'of the channel %s: 404, and the answer says which there is',
    async (channel) => {
      const answer = await ask(channel);
      expect(answer).toBeProblem('not_found');
      expect(answer.body).toMatchObject({ detail: expect.stringContaining('default') });
    },
  );
});
