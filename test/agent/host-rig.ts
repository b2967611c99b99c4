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
  /** Runs `joinbot start` once, with a `teleport.yaml` that enables this service. */
  once(service?: string, ...flags: readonly string[]): Promise<0 | 1 | 2>;
  /** Runs it once with a config of the agent's own that joins as this role, with these lines. */
  onceWith(role: string, more: string): Promise<0 | 1 | 2>;
  /** Runs it as a service does, until it has waited this often. */
  renewing(waits: number): Promise<0 | 1 | 2>;
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
  let waitsLeft = 0;

  const broker = async (request: Request): Promise<Response> => {
    const { pathname: path } = new URL(request.url);
    const body = request.method === 'POST' ? await request.text() : undefined;
    const answer = await api.request(request.method, path, { body });
    const good = path === '/v1/join' && answer.status === 200;
    const content = good ? rig.bend(answer.body as JoinAnswer) : answer.body;
    return Response.json(content, { status: answer.status });
  };
  const run = (...args: readonly string[]) =>
    runJoinbot(args, {
      env: {},
      clock: {
        now: api.clock.now,
        async sleep(ms) {
          api.clock.advance(ms / 1000);
          waitsLeft -= 1;
          if (waitsLeft <= 0) stop.abort();
        },
      },
      random: () => 0,
      web: sendWith((request) =>
        request.url.startsWith('https://broker.example.org/') ? broker(request) : vm.fetch(request),
      ),
      imds: sendWith((request) => vm.fetch(request)),
      stop: stop.signal,
      nextWake: () => stop.signal,
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

  const rig: HostRig = {
    api,
    folder,
    data: join(folder, 'node'),
    output,
    commands,
    bend: (answer) => answer,
    once: (service = 'ssh_service', ...flags) => start(service, ['--oneshot', ...flags]),
    async onceWith(role, more) {
      const config = join(folder, 'joinbot.yaml');
      const onboarding = `{join_method: azure, token: azure-token, role: ${role}}`;
      await writeFile(
        config,
        `version: v2\nproxy_server: broker.example.org\nonboarding: ${onboarding}\n${more}`,
      );
      return run('start', '-c', config, '--oneshot');
    },
    renewing(waits) {
      waitsLeft = waits;
      return start('ssh_service', []);
    },
  };
  return rig;
}
