/** What the log says of a life and of each join; agent.test.ts has the whole of it. */
import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Instance } from '../../agent/instance-state.ts';
import type { Joined } from '../../agent/join-answer.ts';
import { createLog } from '../../agent/log.ts';
import { sayAtStart, sayJoined, sayStillGood } from '../../agent/said.ts';
import type { AgentSettings } from '../../agent/settings.ts';
import { START } from './clock.ts';
import { temporaryFolder } from './folder.ts';

function linesOf() {
  const lines: string[] = [];
  const log = createLog({
    format: 'text',
    debug: true,
    write: (line) => lines.push(line.slice('2026-11-20T19:05:00Z '.length, -1)),
    now: () => START,
  });
  return { lines, log };
}

describe('at its start an agent says', () => {
  const QUIET = {
    caPins: ['sha256:0'],
    storage: { type: 'directory', path: '/nowhere/at/all' },
    outputs: [],
  } as unknown as AgentSettings;

  async function said(settings: Partial<AgentSettings>): Promise<string[]> {
    const { lines, log } = linesOf();
    await sayAtStart({ ...QUIET, ...settings }, { log });
    return lines;
  }

  test('nothing where there is nothing to say', async () => {
    expect(await said({})).toEqual([]);
  });

  test('that no root is pinned', async () => {
    expect(await said({ caPins: [] })).toEqual([
      expect.stringMatching(/^INFO {2}no ca_pins are set: /),
    ]);
  });

  test('that nothing will be written', async () => {
    const storage = { type: 'memory' } as const;
    expect(await said({ storage })).toEqual([
      'INFO  storage is memory and there are no outputs: nothing will be written',
    ]);
    const destination = { type: 'directory', path: '/nowhere/at/all' } as const;
    const outputs = [{ destination }] as unknown as AgentSettings['outputs'];
    expect(await said({ storage, outputs })).toEqual([]);
  });

  test('what in the config file makes no difference', async () => {
    const host = { role: 'Node', notes: ['b'] } as const;
    expect(await said({ notes: ['a'], host })).toEqual(['INFO  a', 'INFO  b']);
  });

  test('that others may replace what it writes', async () => {
    const path = join(await temporaryFolder(), 'open');
    await mkdir(path);
    await chmod(path, 0o777);
    expect(await said({ storage: { type: 'directory', path } })).toEqual([
      expect.stringContaining(
        `WARN  everybody on this machine may replace what is written to ${path}: `,
      ),
    ]);
  });
});

describe('after a join the log says', () => {
  const instance = {
    id: 'id-1',
    generation: 3,
    role: 'Bot',
    bot: 'robot',
    trust: { root: 'sha256:1' },
  } as unknown as Instance;
  const joined = {
    requestId: 'r\u001b1',
    instance,
    trust: { root: 'sha256:1' },
    certificates: [{ expires: START, names: ['a.example.org', 'b.example.org'] }],
  } as unknown as Joined;

  function said(now: Partial<Joined>, before?: Partial<Instance>): string[] {
    const { lines, log } = linesOf();
    sayJoined({ ...joined, ...now }, before && { ...instance, ...before }, { log });
    return lines;
  }
  const FACTS = 'instance id-1, generation 3, certificates until 2026-11-20T19:05:00Z, request r 1';
  const ROOT = "INFO  the broker's root has the CA pin sha256:1";

  test('who joined, and which root the broker has', () => {
    expect(said({})).toEqual([`INFO  joined as bot robot (${FACTS})`, ROOT]);
    expect(said({}, { id: 'id-0' })).toEqual([`INFO  joined as bot robot (${FACTS})`]);
  });

  test('who was renewed, and another root', () => {
    expect(said({}, {})).toEqual([`INFO  renewed as bot robot (${FACTS})`]);
    const trust = { root: 'sha256:0' } as unknown as Instance['trust'];
    expect(said({}, { trust })).toEqual([`INFO  renewed as bot robot (${FACTS})`, ROOT]);
  });

  test('which host, by its names, and which machine', () => {
    const { bot: _, ...rest } = instance;
    const host = { ...rest, role: 'Node' } as Instance;
    expect(said({ instance: host, machine: 'vm\n1' }, {})).toEqual([
      `INFO  renewed as Node a.example.org, b.example.org (${FACTS}, machine vm 1)`,
    ]);
  });
});

test('of a failure it is said how long there is still something good', () => {
  expect(sayStillGood(undefined, START)).toBe('');
  const until = (ms: number) =>
    sayStillGood({ expires: new Date(START.getTime() + ms) } as Instance, START);
  expect(until(1000)).toBe(' (the certificates are good until 2026-11-20T19:05:01Z)');
  expect(until(0)).toBe(' (the certificates expired at 2026-11-20T19:05:00Z)');
});
