import { expect, test } from 'vitest';
import {
  brokerOrigin,
  certificateMirror,
  simulatedMetadataService,
} from '../../agent/addresses.ts';

test.each([
  ['example.teleport.sh:443', 'https://example.teleport.sh'],
  ['broker.example.com', 'https://broker.example.com'],
  ['broker.example.com:8443', 'https://broker.example.com:8443'],
  ['https://broker.example.com/', 'https://broker.example.com'],
  ['http://127.0.0.1:7071', 'http://127.0.0.1:7071'],
  ['http://localhost:7071', 'http://localhost:7071'],
  ['http://[::1]:7071', 'http://[::1]:7071'],
])('%s is %s', (text, origin) => {
  expect(brokerOrigin(text)).toBe(origin);
});

test.each([
  '',
  'http://broker.example.com',
  'http://127.0.0.1.example.com',
  'https://broker.example.com/v1',
  'https://user@broker.example.com',
  'https://:pw@broker.example.com',
  'https://broker.example.com?x',
  'https://broker.example.com#x',
  'https://',
  'ftp://127.0.0.1',
  'ftp://broker.example.com',
  'broker example',
  `\${BROKER}:443`,
  'broker.example.com:99999',
])('%j is no address of a broker', (text) => {
  expect(brokerOrigin(text)).toBeUndefined();
});

test('a simulated metadata service is on loopback', () => {
  expect(simulatedMetadataService('http://127.0.0.1:4000/vm-1/')).toBe(
    'http://127.0.0.1:4000/vm-1',
  );
  expect(() => simulatedMetadataService('http://10.0.0.1')).toThrow(
    'JOINBOT_IMDS_URL: expected an http:// address on loopback, got http://10.0.0.1',
  );
  for (const text of ['nonsense', 'https://127.0.0.1', 'http://127.0.0.1?x', 'http://127.0.0.1#x'])
    expect(() => simulatedMetadataService(text)).toThrow(
      expect.objectContaining({
        code: 'config',
        message: expect.stringContaining('JOINBOT_IMDS_URL: expected an http://'),
      }),
    );
});

test('a mirror of certificates is any web address', () => {
  expect(certificateMirror('https://mirror.example.com/certs/')).toBe(
    'https://mirror.example.com/certs',
  );
  for (const text of ['file:///etc', 'https://mirror.example.com?x', 'https://mirror.example.com#'])
    expect(() => certificateMirror(`${text}x`)).toThrow(
      expect.objectContaining({
        code: 'config',
        message: `JOINBOT_PKI_URL: expected an http:// or https:// address, got ${text}x`,
      }),
    );
});
