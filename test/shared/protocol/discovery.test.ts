import { describe, expect, test } from 'vitest';
import { discovery } from '../../../shared/protocol/discovery.ts';

const described = (public_url?: string) => ({
  server_version: '0.1.0',
  cluster_name: 'test.example.org',
  cloud: 'AzurePublic',
  ca_pins: [],
  operators: {
    tenant: '00000000-0000-4000-8000-000000000001',
    client_id: '00000000-0000-4000-8000-000000000002',
  },
  ...(public_url !== undefined && { public_url }),
});

describe('the address for machines', () => {
  test.each([
    'https://join.example.org',
    'https://join.example.org:8443',
    'https://192.0.2.7',
    'http://127.0.0.1:7071',
    'http://localhost:7071',
  ])('may be %s', (url) => {
    expect(discovery.parse(described(url))).toMatchObject({ public_url: url });
  });

  test('may be left out', () => {
    expect(discovery.parse(described())).not.toHaveProperty('public_url');
  });

  test.each([
    'http://join.example.org',
    'https://join.example.org/',
    'https://join.example.org/path',
    'https://ada@join.example.org',
    'https://a$(id).example.org',
    'https://a`id`.example.org',
    'https://a;id',
    'https://a&id',
    'https://a b',
    'https://join.example.org:99999',
    'https://join.example.org\n',
    'file:///etc/passwd',
    'join.example.org',
    '',
  ])('is not %j: it stands in command lines', (url) => {
    expect(discovery.safeParse(described(url)).success).toBe(false);
  });
});
