import { expect, test, vi } from 'vitest';
import { beside } from './beside.ts';

/** With these variables of the environment, and no others that count. */
function withVariables(variables: Readonly<Record<string, string>>, ask: () => unknown): unknown {
  for (const name of ['CI', 'SAMPLES']) vi.stubEnv(name, variables[name] ?? '');
  try {
    return ask();
  } finally {
    vi.unstubAllEnvs();
  }
}
const nowhere = () => beside('nowhere/');

test('what is missing fails where a change is checked', () => {
  expect(() => withVariables({ CI: 'true' }, nowhere)).toThrow(
    'shared/nowhere/ is missing beside the repository',
  );
  expect(() => withVariables({ CI: 'true', SAMPLES: 'here' }, nowhere)).toThrow('is missing');
});

test('what is missing is skipped elsewhere, and where it is said to be absent', () => {
  expect(withVariables({}, nowhere)).toMatchObject({ here: false, names: [] });
  expect(withVariables({ CI: 'true', SAMPLES: 'absent' }, nowhere)).toMatchObject({ here: false });
});
