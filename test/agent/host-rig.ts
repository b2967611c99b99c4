/** An agent on a VM that joins as a host, beside the real broker in this process: one clock for both. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runJoinbot } from '../../agent/joinbot.ts';
import type { MachinePrograms } from '../../agent/machine-programs.ts';
import type { JoinAnswer } from '../../shared/protocol/join.ts';
import { createScene, joinToken } from '../broker/fixtures.ts';
import type { TestBroker } from '../broker/test-broker.ts';
import { temporaryFolder } from './folder.ts';
import { noPrograms } from './machine-programs.ts';
import { sendWith } from './send-with.ts';

export interface HostRig {
  readonly api: TestBroker;
  readonly folder: string;
  /** Where the host's files are. */
  readonly data: string;
  /** Everything that the agent said, in order. */
  readonly output: string[];
  /** The programs that it called. */
  readonly commands: readonly string[];
  /** Changes the broker's answers on their way. */
  bend: (answer: JoinAnswer) => JoinAnswer;
  /** Runs `joinbot` with this command line. */
  run(...args: readonly string[]): Promise<0 | 1 | 2>;
  /** Runs `joinbot start` once, with a `teleport.yaml` that enables this service. */
  once(service?: string, ...flags: readonly string[]): Promise<0 | 1 | 2>;
  /** Runs it once with a config of the agent's own that joins as this role, with these lines. */
  onceWith(role: string, more: string): Promise<0 | 1 | 2>;
  /** Runs it as a service does, until it has waited this often. */
  renewing(waits: number): Promise<0 | 1 | 2>;
  /** The same with a config of the agent's own. */
  renewingWith(role: string, more: string, waits: number): Promise<0 | 1 | 2>;
  /** Milliseconds of each wait, in order. */
  readonly waits: readonly number[];
  /** Called before each wait. */
  onWait: () => void | Promise<void>;
  /** Ends the wait, and whatever else it would have ended. */
  renewNow(): void;
  /** ETags that came along when it asked for revocation lists, and how long it would have waited for the answer. */
  readonly listCalls: readonly { readonly etag: string | undefined; readonly timeoutMs: number }[];
  /** Answers in the broker's place, where it gives an answer. */
  answerLists: () => Promise<Response> | undefined;
  readonly stop: AbortController;
}

export async function createHostRig(programs?: MachinePrograms): Promise<HostRig> {
  const { api, subscription, vm } = await createScene();
  const spec = { roles: ['Node', 'App'], bot_name: undefined };
  await api.put(
    joinToken({ name: 'azure-token', allow: [{ subscription: subscription.id }], spec }),
  );
  const folder = await temporaryFolder();
  const output: string[] = [];
  const commands: string[] = [];
  const stop = new AbortController();
  let wake = new AbortController();
  stop.signal.addEventListener('abort', () => wake.abort());
  const waits: number[] = [];
  const listCalls: { etag: string | undefined; timeoutMs: number }[] = [];
  let waitsLeft = 0;

  const broker = async (request: Request): Promise<Response> => {
    const { pathname: path } = new URL(request.url);
    if (path === '/v1/trust/revoked') return lists(request);
    const body = request.method === 'POST' ? await request.text() : undefined;
    const answer = await api.request(request.method, path, { body });
    const good = path === '/v1/join' && answer.status === 200;
    const content = good ? rig.bend(answer.body as JoinAnswer) : answer.body;
    return Response.json(content, { status: answer.status });
  };
  const lists = async (request: Request): Promise<Response> => {
    const etag = request.headers.get('if-none-match');
    const { status, bytes, headers } = await api.request('GET', '/v1/trust/revoked', {
      headers: { 'if-none-match': etag },
    });
    return new Response(status === 304 ? null : Buffer.from(bytes), { status, headers });
  };
  const web = sendWith((request) => {
    if (!request.url.startsWith('https://broker.example.org/')) return vm.fetch(request);
    const isLists = request.url.endsWith('/v1/trust/revoked');
    return (isLists ? rig.answerLists() : undefined) ?? broker(request);
  });
  const run = (...args: readonly string[]) =>
    runJoinbot(args, {
      env: {},
      clock: {
        now: api.clock.now,
        async sleep(ms) {
          waits.push(ms);
          await rig.onWait();
          api.clock.advance(ms / 1000);
          waitsLeft -= 1;
          if (waitsLeft <= 0) stop.abort();
        },
      },
      random: () => 0,
      web: (request) => {
        const { url, headers = {}, timeoutMs } = request;
        if (url.endsWith('/v1/trust/revoked'))
          listCalls.push({ etag: headers['if-none-match'], timeoutMs });
        return web(request);
      },
      imds: sendWith((request) => vm.fetch(request)),
      stop: stop.signal,
      nextWake: () => wake.signal,
      programs: programs ?? noPrograms(commands),
      stdout: (text) => output.push(text),
      stderr: (text) => output.push(text),
    });

  async function start(service: string, flags: readonly string[]) {
    const config = join(folder, 'teleport.yaml');
    const yaml = [
      'version: v3',
      'teleport:',
      '  join_params: {token_name: azure-token, method: azure}',
      '  proxy_server: broker.example.org',
      `  data_dir: ${rig.data}`,
      `${service}: {enabled: yes}`,
    ];
    await writeFile(config, `${yaml.join('\n')}\n`);
    // This machine's own sshd is no part of the test.
    const all = service === 'ssh_service' ? ['--ssh-host-key=none', ...flags] : flags;
    return run('start', '-c', config, ...all);
  }

  async function startWith(role: string, more: string, ...flags: readonly string[]) {
    const config = join(folder, 'joinbot.yaml');
    const onboarding = `{join_method: azure, token: azure-token, role: ${role}}`;
    await writeFile(
      config,
      `version: v2\nproxy_server: broker.example.org\nonboarding: ${onboarding}\n${more}`,
    );
    return run('start', '-c', config, ...flags);
  }

  const rig: HostRig = {
    api,
    folder,
    data: join(folder, 'node'),
    output,
    commands,
    bend: (answer) => answer,
    run,
    once: (service = 'ssh_service', ...flags) => start(service, ['--oneshot', ...flags]),
    waits,
    listCalls,
    stop,
    onWait: () => undefined,
    answerLists: () => undefined,
    renewNow() {
      wake.abort();
      wake = new AbortController();
    },
    onceWith: (role, more) => startWith(role, more, '--oneshot'),
    renewing(wanted) {
      waitsLeft = wanted;
      return start('ssh_service', []);
    },
    renewingWith(role, more, wanted) {
      waitsLeft = wanted;
      return startWith(role, more);
    },
  };
  return rig;
}
