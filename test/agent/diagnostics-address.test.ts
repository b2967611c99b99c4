import { expect, test } from 'vitest';
import { diagnosticsAddress } from '../../agent/diagnostics-address.ts';
import { Failure } from '../../agent/failure.ts';

const read = (text: string) =>
  diagnosticsAddress(
    text,
    (path, flag, message) => new Failure('usage', `${path.join('.')} ${flag} ${message}`),
  );

test.each([
  ['127.0.0.1:3001', '127.0.0.1', 3001],
  [':0', '127.0.0.1', 0],
  ['my-host.example:65535', 'my-host.example', 65_535],
  ['[::1]:12', '::1', 12],
  ['[::ffff:10.0.0.1]:12', '::ffff:10.0.0.1', 12],
])('%s is where to answer', (text, host, port) => {
  expect(read(text)).toEqual({ host, port });
});

test.each([
  '',
  '3001',
  'host',
  'host:',
  'host:65536',
  'host:100000',
  'host:1x',
  'x host:1',
  '::1:12',
  '[]:12',
  '[g]:12',
  'x[::1]:12',
  'a/b:12',
])('%j is refused', (text) => {
  expect(() => read(text)).toThrow(
    `diag_addr --diag-addr expected host:port such as 127.0.0.1:3001, got ${text}`,
  );
});
