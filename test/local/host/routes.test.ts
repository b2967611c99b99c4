import { describe, expect, test } from 'vitest';
import type { HttpFunction } from '../../../local/host/function-app.ts';
import { createRouter } from '../../../local/host/routes.ts';

const fn = (name: string, route: string, ...methods: string[]): HttpFunction => ({
  name,
  trigger: 'http',
  route,
  methods: methods.length > 0 ? methods : ['GET'],
  authLevel: 'anonymous',
});

const router = createRouter([
  fn('rest', '{*path}'),
  fn('item', 'v1/{kind}/{name}'),
  fn('kind', 'v1/{kind}'),
  fn('bots', 'v1/bots'),
  fn('bot', 'v1/bots/{name}'),
  fn('below', 'v1/bots/{name}/{*file}'),
]);

describe('routes', () => {
  test.each([
    ['/v1/bots', 'bots', {}],
    ['/V1/Bots', 'bots', {}],
    ['/v1/bots/', 'bots', {}],
    ['/v1/roles', 'kind', { kind: 'roles' }],
    ['/v1/bots/A', 'bot', { name: 'A' }],
    ['/v1/roles/a%C3%A9', 'item', { kind: 'roles', name: 'aé' }],
    ['/v1/roles/a%2Fb%', 'item', { kind: 'roles', name: 'a%2Fb%' }],
    ['/v1/bots/a/x/y', 'below', { name: 'a', file: 'x/y' }],
    ['/v1', 'rest', { path: 'v1' }],
    ['/', 'rest', {}],
    ['/v1//x', 'rest', { path: 'v1//x' }],
  ])('%s goes to %s', (path, name, params) => {
    expect(router('GET', path)).toEqual({ name, params });
  });

  test('another method finds nothing', () => {
    expect(router('POST', '/v1/bots')).toBeUndefined();
  });

  test.each([
    ['v1/{id:guid}', 'can\'t match "{id:guid}"'],
    ['v1/{*all}/end', 'can\'t match "{*all}"'],
    ['v1//x', 'can\'t match ""'],
    ['Admin/x', 'Azure keeps the route /Admin for itself'],
    ['runtime', 'Azure keeps the route /runtime for itself'],
  ])('%s is refused', (route, reason) => {
    expect(() => createRouter([fn('f', route)])).toThrow(reason);
  });

  test('two functions with one method and address are refused', () => {
    expect(() => createRouter([fn('a', 'v1/{x}', 'PUT', 'GET'), fn('b', 'V1/{y}')])).toThrow(
      'Functions "a" and "b" both serve GET /v1/{}',
    );
  });
});
