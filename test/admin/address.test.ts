import { describe, expect, it } from 'vitest';
import { parseAddress, shortAddress } from '../../admin/address.ts';

describe('parseAddress', () => {
  it.each([
    ['broker.example.com', 'https://broker.example.com'],
    ['broker.example.com:443', 'https://broker.example.com'],
    ['broker.example.com:3080', 'https://broker.example.com:3080'],
    ['https://Broker.example.com/', 'https://broker.example.com'],
    ['localhost:7071', 'https://localhost:7071'],
    ['http://localhost:7071', 'http://localhost:7071'],
    ['http://127.9.8.7:7071', 'http://127.9.8.7:7071'],
    ['http://[::1]:7071', 'http://[::1]:7071'],
  ])('reads %s as %s', (text, origin) => {
    expect(parseAddress(text)).toBe(origin);
  });

  it.each([
    'http://broker.example.com',
    'http://127.0.0.1.example.com',
    'http://localhost.example',
  ])('refuses %s: http is for this machine only', (text) => {
    expect(() => parseAddress(text)).toThrow('must be https, not http');
  });

  it.each(['', 'a b', 'https://h/path', 'https://h?x', 'https://me@h', 'ftp://h', 'file:///etc'])(
    'refuses %j',
    (text) => {
      expect(() => parseAddress(text)).toThrow('is no broker address: write host, host:port');
    },
  );
});

describe('shortAddress', () => {
  it('names the port of an https address, and leaves http as it is', () => {
    expect(shortAddress('https://broker.example.com')).toBe('broker.example.com:443');
    expect(shortAddress('https://broker.example.com:3080')).toBe('broker.example.com:3080');
    expect(shortAddress('http://127.0.0.1:7071')).toBe('http://127.0.0.1:7071');
  });
});
