/** Test files that share a process must leave it as they found it: else one changes what another one shows. */
import { afterAll, beforeAll, expect, vi } from 'vitest';

let environment: NodeJS.ProcessEnv;
let folder: string;
let handlers: readonly (string | symbol)[];

beforeAll(() => {
  environment = { ...process.env };
  folder = process.cwd();
  handlers = process.eventNames();
});

afterAll(() => {
  // By their names only: values may be nobody's business.
  const names = Object.keys({ ...environment, ...process.env });
  expect(names.filter((name) => process.env[name] !== environment[name])).toEqual([]);
  expect(process.cwd()).toBe(folder);
  expect(process.eventNames()).toEqual(handlers);
  expect(vi.isFakeTimers()).toBe(false);
});
