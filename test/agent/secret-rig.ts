/** Agents with a secret, beside the real broker in this process: one clock for all, which moves when an agent sleeps. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { SendHttp } from '../../agent/http.ts';
import { type Process, runJoinbot } from '../../agent/joinbot.ts';
import type { JoinRequest } from '../../shared/protocol/join.ts';
import { createInstances, type StoredInstance } from '../../shared/storage/instances.ts';
import { createScene } from '../broker/fixtures.ts';
import type { TestBroker } from '../broker/test-broker.ts';
import { makeSecret } from '../broker/token-joiner.ts';
import { temporaryFolder } from './folder.ts';
import { noPrograms } from './machine-programs.ts';
import { sendWith } from './send-with.ts';

/** What happens to a call of `/v1/join`, in place of the right answer. */
export type Mishap =
  | 'right'
  /** Nothing reaches the broker. */
  | 'lost before'
  /** The broker carries it out, and its answer is lost. */
  | 'lost after'
  /** The agent dies as it sends, or as the answer comes. */
  | 'killed before'
  | 'killed after'
  | (() => Response | Promise<Response>);

/** The agent's process ended on the spot. */
class Killed extends Error {}

interface Sent {
  /** The whole body, to send it once more. */
  readonly body: unknown;
  readonly text: string;
  readonly request: JoinRequest;
}

export interface SecretRig {
  readonly api: TestBroker;
  readonly secret: string;
  readonly folder: string;
  /** The storage directory of the machine. */
  readonly storage: string;
  /** One each for the next joins that are sent. */
  readonly next: Mishap[];
  /** The requests that were sent to `/v1/join`, in order. */
  readonly sent: Sent[];
  /** What the agents said. */
  readonly output: string[];
  /** Called before each sleep of an agent. */
  onSleep: (ms: number) => void;
  /** Runs `joinbot` with this command and these flags, as guide 003 has them. */
  run(command: string, ...flags: readonly string[]): Promise<0 | 1 | 2>;
  /** Runs `joinbot start` as guide 003 has it, with these flags in addition. */
  start(...flags: readonly string[]): Promise<0 | 1 | 2>;
  /** The same once only, with another storage directory. `killed` where a mishap ended it. */
  once(storage?: string, ...flags: readonly string[]): Promise<0 | 1 | 'killed'>;
  stop(): void;
  /** Names of the locks that there are. */
  locks(): Promise<string[]>;
  instances(): Promise<readonly StoredInstance['instance'][]>;
  /** The newest generation of the only instance, as the broker has it. */
  generation(): Promise<number | undefined>;
}

export async function createSecretRig(): Promise<SecretRig> {
  const { api } = await createScene();
  const secret = await makeSecret(api);
  const folder = await temporaryFolder();
  const storage = join(folder, 'bot');
  const sent: Sent[] = [];
  const output: string[] = [];
  const next: Mishap[] = [];
  const stop = new AbortController();

  const ask = sendWith(async (request) => {
    const body = request.method === 'POST' ? await request.text() : undefined;
    const answer = await api.request(request.method, new URL(request.url).pathname, { body });
    const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
    return new Response(text, { status: answer.status, headers: answer.headers });
  });
  const web: SendHttp = async (request) => {
    if (!request.url.endsWith('/v1/join')) return ask(request);
    const body = JSON.parse(request.body ?? '') as { request: string };
    sent.push({ body, text: body.request, request: JSON.parse(body.request) });
    const mishap = next.shift() ?? 'right';
    if (mishap === 'killed before') throw new Killed();
    if (typeof mishap === 'function') return sendWith(async () => mishap())(request);
    if (mishap === 'lost before') return sendWith(refuseConnection)(request);
    const answer = await ask(request);
    if (mishap === 'killed after') throw new Killed();
    return mishap === 'lost after' ? sendWith(refuseConnection)(request) : answer;
  };

  const process: Process = {
    env: {},
    clock: {
      now: api.clock.now,
      async sleep(ms, signal) {
        rig.onSleep(ms);
        if (!signal.aborted) api.clock.advance(ms / 1000);
      },
    },
    random: () => 0,
    web,
    imds: web,
    stop: stop.signal,
    programs: noPrograms(),
    nextWake: () => stop.signal,
    stdout: (text) => output.push(text),
    stderr: (text) => output.push(text),
  };
  const rig: SecretRig = {
    api,
    secret,
    folder,
    storage,
    next,
    sent,
    output,
    onSleep: () => undefined,
    stop: () => stop.abort(),
    start: (...flags) => rig.run('start', ...flags),
    run: (command, ...flags) =>
      runJoinbot(
        [
          command,
          `--data-dir=${storage}`,
          `--token=${secret}`,
          '--join-method=token',
          '--auth-server=broker.example.org:443',
          ...flags,
        ],
        process,
      ),
    async once(directory = storage, ...flags) {
      try {
        const code = await rig.start(`--data-dir=${directory}`, '--oneshot', ...flags);
        if (code === 2) throw new Error(output.join(''));
        return code;
      } catch (error) {
        if (error instanceof Killed) return 'killed';
        throw error;
      }
    },
    async locks() {
      const rows = await api.tables.resources.list({});
      return rows.map(({ key }) => key).filter((key) => key.startsWith('lock!'));
    },
    async instances() {
      const all = await createInstances(api.tables.instances).list('bot:example', undefined, 100);
      return all.map(({ instance }) => instance);
    },
    async generation() {
      const all = await rig.instances();
      expect(all.length).toBeLessThanOrEqual(1);
      return all[0]?.generation;
    },
  };
  return rig;
}

async function refuseConnection(): Promise<Response> {
  throw new TypeError('fetch failed');
}

/** The files in a storage directory that hold requests without an answer. */
export const pendingFiles = async (storage: string): Promise<string[]> =>
  (await readdir(storage)).filter((name) => name.startsWith('requests-'));
