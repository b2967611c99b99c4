/** Somebody who is signed in to the operators' application, and the calls that they make. */
import type { TokenBends } from '../../local/azure/evidence/jwt.ts';
import type { Answer, RequestOptions, TestBroker } from './test-broker.ts';

export type AppRole = 'JoinBroker.Admin' | 'JoinBroker.Reader' | 'JoinBroker.AuthorityAdmin';

export interface SignedIn {
  readonly objectId: string;
  accessToken(bends?: TokenBends): string;
  request(method: string, path: string, options?: RequestOptions): Promise<Answer>;
}

export function signIn(api: TestBroker, ...roles: readonly AppRole[]): SignedIn {
  const application = api.tenant.operators[0]?.application;
  if (!application) throw new Error("the broker's operators' application is not registered");
  const { objectId, accessToken } = api.tenant.operator({ application, roles });
  return {
    objectId,
    accessToken,
    request: (method, path, { body, headers } = {}) =>
      api.request(method, path, {
        body,
        headers: { authorization: `Bearer ${accessToken()}`, ...headers },
      }),
  };
}
