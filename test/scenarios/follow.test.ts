/** `joinctl joins ls --follow` beside somebody who joins, and beside a broker that goes away. */
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startDaemon } from './daemon.ts';
import { joinExample, ROOT, startScenario } from './scenario.ts';

test('attempts are printed as they come; a broker that is away is asked again; Ctrl-C ends it', async () => {
  const scenario = await startScenario();
  // What it prints and what it says, in one.
  const following = startDaemon(
    'sh',
    [
      ...['-c', 'exec "$0" "$@" >&2', process.execPath, join(ROOT, 'dist/joinctl.cjs')],
      ...['joins', 'ls', '--follow'],
    ],
    { cwd: scenario.folder, env: { ...process.env, HOME: scenario.folder } },
  );
  onTestFinished(async () => void (await following.kill('SIGKILL')));
  await following.says('Request');
  await joinExample(scenario, 'ubuntu');
  await following.says('admitted');
  expect(following.said.match(/admitted/g)).toHaveLength(1);
  expect(following.said).toMatch(/admitted .*vm-user/);

  await scenario.stack.host.close();
  await following.says('Asking again in 5 s.');
  expect(following.said).not.toMatch(/ at .*\.(?:cjs|ts):\d|ECONN|fetch failed|undefined/);
  expect(await following.kill('SIGINT')).toBe(0);
}, 60_000);
