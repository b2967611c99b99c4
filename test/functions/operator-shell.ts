/** `joinctl` at the broker itself: what it sends goes to the handlers of a broker in this process. */
import { type Terminal, type TerminalOptions, terminal } from '../admin/joinctl.ts';
import { type AppRole, signIn } from '../broker/operators.ts';
import type { TestBroker } from '../broker/test-broker.ts';

const fetchFrom =
  (api: TestBroker): typeof fetch =>
  async (input, init = {}) => {
    const { pathname, search } = new URL(String(input));
    const headers = Object.fromEntries(new Headers(init.headers));
    const body = init.body ?? undefined;
    const answer = await api.request(init.method ?? 'GET', pathname + search, { body, headers });
    const empty = answer.status === 204;
    return new Response(empty ? null : JSON.stringify(answer.body), {
      status: answer.status,
      headers: answer.headers,
    });
  };

/** A terminal of somebody with these app roles. */
export async function operatorShell(
  api: TestBroker,
  roles: readonly AppRole[],
  options: Pick<TerminalOptions, 'stdin' | 'answer' | 'editor' | 'now'> = {},
): Promise<Terminal> {
  const { body } = await api.request('GET', '/v1/webapi/find');
  const { tenant, client_id } = (body as { operators: { tenant: string; client_id: string } })
    .operators;
  const operator = signIn(api, ...roles);
  const expires = new Date(api.clock.now().getTime() + 3_600_000);
  return terminal({
    fetch: fetchFrom(api),
    profile: { tenant, client_id },
    now: api.clock.now(),
    ...options,
    signIn: async () => ({ ok: true, token: { text: operator.accessToken(), expires } }),
  });
}
