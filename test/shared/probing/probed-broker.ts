/** A test broker that its prober reaches through `fetch`, as it would over HTTP; the way may be bent. */
import type { Call } from '../../../shared/call.ts';
import type { ProbeName, ProbeResult } from '../../../shared/probing/finding.ts';
import type { ProbeEvent } from '../../../shared/telemetry/telemetry.ts';
import {
  type Api,
  createTestBroker,
  type TestBroker,
  type TestBrokerOptions,
} from '../../broker/test-broker.ts';
import { type Recorded, recorded } from '../telemetry/recorded.ts';

export const URL_OF_BROKER = 'https://broker.example.org';

/** What a bent way does with a request: answers it itself, or passes it on. */
export type Bend = (
  request: { readonly path: string; readonly body: string; readonly headers: Headers },
  pass: () => Promise<Response>,
) => Promise<Response> | Response;

export interface ProbedBroker {
  readonly api: TestBroker;
  readonly telemetry: Recorded;
  /** Runs the prober: what became of each probe, and what the audit event says. */
  run(): Promise<{ results: Record<ProbeName, ProbeResult>; event: ProbeEvent }>;
}

export function probedBroker(bend?: Bend, options: TestBrokerOptions = {}): ProbedBroker {
  const telemetry = recorded();
  const api: TestBroker = createTestBroker({
    telemetry: telemetry.around,
    settings: { JOIN_BROKER_AUDIENCES: 'api://join-broker' },
    outside: {
      url: URL_OF_BROKER,
      fetch: (input, init) => fetchOf(api, bend)(input, init),
      accessToken: (audience) => brokerToken(api, audience),
    },
    ...options,
  });
  const call: Call = { requestId: 'probe-run' };
  return {
    api,
    telemetry,
    async run() {
      await api.ready();
      const before = telemetry.measured.length;
      await api.broker.probe(call);
      const event = api.audit.findLast((line) => line.event === 'probe');
      if (event?.event !== 'probe') throw new Error('the prober told nothing');
      const results = telemetry.measured
        .slice(before)
        .filter(({ metric }) => metric === 'probes')
        .map(({ dimensions }) => [dimensions['probe'], dimensions['result']]);
      return { results: Object.fromEntries(results), event };
    },
  };
}

/** `fetch` that ends in the broker's handlers. */
export function fetchOf(api: Api, bend: Bend = (_, pass) => pass()): typeof fetch {
  return async (input, init) => {
    const { pathname: path } = new URL(String(input));
    const method = init?.method ?? 'GET';
    const body = typeof init?.body === 'string' ? init.body : '';
    const headers = new Headers(init?.headers);
    const pass = async (): Promise<Response> => {
      const answer = await api.request(method, path, {
        ...(init?.body === undefined ? {} : { body }),
        headers: Object.fromEntries(headers),
      });
      const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
      return new Response(text, { status: answer.status, headers: answer.headers });
    };
    return bend({ path, body, headers }, pass);
  };
}

async function brokerToken({ cloud }: TestBroker, audience: string): Promise<string> {
  const { endpoint, header } = cloud.brokerIdentity;
  const url = `${endpoint}?api-version=2019-08-01&resource=${encodeURIComponent(audience)}`;
  const answer = await cloud.fetch(url, { headers: { 'x-identity-header': header } });
  return ((await answer.json()) as { access_token: string }).access_token;
}
