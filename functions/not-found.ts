import { Refusal } from '../shared/refusal.ts';
import type { Endpoint, PlainEndpoint } from './endpoint.ts';

export const NOT_FOUND = 'not-found';

/** Whatever no other function answers: an unknown address, or a known one with another method. */
export const notFound = (known: readonly Endpoint[]): PlainEndpoint => ({
  name: NOT_FOUND,
  methods: ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS'],
  route: '{*path}',
  answerPlainly(request) {
    const { pathname } = new URL(request.url);
    const methods = known
      .filter(({ route }) => matches(route, pathname))
      .flatMap((endpoint) => endpoint.methods);
    if (methods.length > 0) {
      throw new Refusal('method_not_allowed', `expected ${methods.join(', ')}`, { allow: methods });
    }
    throw new Refusal('not_found', 'there is nothing at this address');
  },
});

function matches(route: string, pathname: string): boolean {
  const wanted = route.split('/');
  const given = pathname.slice(1).split('/');
  return (
    wanted.length === given.length &&
    wanted.every((part, i) => part.startsWith('{') || part === given[i])
  );
}
