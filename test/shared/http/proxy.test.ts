import { describe, expect, test } from 'vitest';
import { proxyFor } from '../../../shared/http/proxy.ts';

const BROKER = new URL('https://broker.example.com/v1/join');
const HTTPS_PROXY = 'http://proxy.example.net:3128';

describe('a request goes through', () => {
  test.each([
    [{}, undefined],
    [{ HTTPS_PROXY }, { host: 'proxy.example.net', port: 3128 }],
    [{ https_proxy: HTTPS_PROXY }, { host: 'proxy.example.net', port: 3128 }],
    [
      { https_proxy: 'http://lower', HTTPS_PROXY },
      { host: 'lower', port: 80 },
    ],
    [
      { https_proxy: '', HTTPS_PROXY },
      { host: 'proxy.example.net', port: 3128 },
    ],
    [{ HTTPS_PROXY: 'proxy:3128' }, { host: 'proxy', port: 3128 }],
    [{ HTTPS_PROXY: 'http://[2001:db8::1]:3128/' }, { host: '2001:db8::1', port: 3128 }],
    [{ HTTP_PROXY: HTTPS_PROXY }, undefined],
    [
      { HTTPS_PROXY: 'http://user:p%40ss@proxy:1' },
      { host: 'proxy', port: 1, authorization: `Basic ${btoa('user:p@ss')}` },
    ],
  ])('%j: %j', (env, proxy) => {
    expect(proxyFor(BROKER, env)).toEqual(proxy);
  });

  test('HTTP_PROXY for downloads over http', () => {
    const url = new URL('http://www.microsoft.com/pkiops/certs/a.crt');
    expect(proxyFor(url, { HTTP_PROXY: 'http://p:1' })).toEqual({ host: 'p', port: 1 });
    expect(proxyFor(url, { HTTPS_PROXY })).toBeUndefined();
  });
});

describe('NO_PROXY exempts', () => {
  test.each([
    ['*', 'broker.example.com'],
    ['broker.example.com', 'broker.example.com'],
    ['BROKER.example.com', 'broker.example.com'],
    ['example.com', 'broker.example.com'],
    ['.example.com', 'broker.example.com'],
    ['*.example.com', 'broker.example.com'],
    ['a.example, example.com', 'broker.example.com'],
    ['a.example example.com', 'broker.example.com'],
    ['broker.example.com:443', 'broker.example.com'],
    ['10.0.0.1', '10.0.0.1'],
    ['10.0.0.0/8', '10.1.2.3'],
    ['fd00::/8', '[fd00::1]'],
    ['fd00::1', '[fd00::1]'],
    ['[fd00::1]:443', '[fd00::1]'],
  ])('by %j the host %s', (NO_PROXY, host) => {
    expect(proxyFor(new URL(`https://${host}`), { HTTPS_PROXY, NO_PROXY })).toBeUndefined();
  });

  test.each([
    ['', 'broker.example.com'],
    ['other.example.com', 'broker.example.com'],
    ['roker.example.com', 'broker.example.com'],
    ['example.com', 'example.com.evil.example'],
    ['broker.example.com:8443', 'broker.example.com'],
    ['10.0.0.0/8', '11.1.2.3'],
    ['10.0.0.0/99', '10.1.2.3'],
    ['0.0.1', '10.0.0.1'],
    ['fd00::/8', '[fe80::1]'],
  ])('by %j not the host %s', (NO_PROXY, host) => {
    expect(proxyFor(new URL(`https://${host}`), { HTTPS_PROXY, NO_PROXY })).toBeDefined();
  });
});

test.each(['localhost', 'a.localhost', '127.0.0.1', '127.1.2.3', '[::1]'])(
  'this machine itself (%s) is never asked through a proxy',
  (host) => {
    expect(proxyFor(new URL(`https://${host}`), { HTTPS_PROXY })).toBeUndefined();
  },
);

test.each([
  'socks5://proxy',
  'https://proxy',
  'http://',
  'http://proxy/path',
  'http://u:secret@:x',
])('a proxy of another kind (%s) is refused, its value not shown', (value) => {
  expect(() => proxyFor(BROKER, { HTTPS_PROXY: value })).toThrow(
    /^HTTPS_PROXY: expected http:\/\/host:port$/,
  );
});
