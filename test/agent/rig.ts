/** An agent on a simulated VM, beside a fake broker, on a clock that only moves when the agent sleeps. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Process, runJoinbot } from '../../agent/joinbot.ts';
import type { MachinePrograms } from '../../agent/machine-programs.ts';
import { createRsaKeySource } from '../../local/azure/certificates/rsa-keys.ts';
import { type Cloud, createCloud } from '../../local/azure/cloud.ts';
import type { VirtualMachine, VirtualMachineOptions } from '../../local/azure/virtual-machine.ts';
import { createClock, type TestClock } from './clock.ts';
import { createFakeBroker, type FakeBroker } from './fake-broker.ts';
import { temporaryFolder } from './folder.ts';
import { noPrograms } from './machine-programs.ts';
import { sendWith } from './send-with.ts';

const BROKER = 'https://broker.example.com';

export interface Rig {
  readonly clock: TestClock;
  readonly cloud: Cloud;
  readonly vm: VirtualMachine;
  readonly broker: FakeBroker;
  readonly folder: string;
  readonly stop: AbortController;
  /** Ends the wait before the next renewal, as SIGHUP does. */
  readonly renewNow: () => void;
  /** Everything on standard error, in order. */
  readonly output: string[];
  /** Runs `joinbot` with this command line. */
  run(...args: string[]): Promise<0 | 1 | 2>;
  /** Runs `joinbot start` with this config (YAML) and these flags. */
  start(config: string, ...flags: string[]): Promise<0 | 1 | 2>;
  /** Stops the agent as soon as it has waited this often. */
  stopAfterWaits(waits: number): void;
}

/** Keys take long to make: the simulated clouds of one test file share them. */
const keys = createRsaKeySource();

export async function createRig(
  options: {
    readonly vm?: Partial<VirtualMachineOptions>;
    readonly chain?: 'ec' | 'cross_signed';
    readonly programs?: MachinePrograms;
    readonly env?: Readonly<Record<string, string>>;
  } = {},
): Promise<Rig> {
  const clock = createClock();
  const cloud = createCloud({ now: clock.now, keys, chain: options.chain ?? 'ec' });
  const vm = cloud
    .tenant()
    .subscription()
    .virtualMachine('vm-1', { resourceGroup: 'group1', systemAssigned: true, ...options.vm });
  const broker = await createFakeBroker(clock.now);
  const folder = await temporaryFolder();
  const stop = new AbortController();
  let wake = new AbortController();
  const output: string[] = [];

  const process: Process = {
    env: options.env ?? {},
    clock,
    random: () => 0,
    web: sendWith((request) =>
      new URL(request.url).origin === BROKER ? broker.fetch(request) : vm.fetch(request),
    ),
    imds: sendWith((request) => vm.fetch(request)),
    stop: stop.signal,
    nextWake: () => wake.signal,
    programs: options.programs ?? noPrograms(),
    stdout: (text) => output.push(text),
    stderr: (text) => output.push(text),
  };
  return {
    clock,
    cloud,
    vm,
    broker,
    folder,
    stop,
    output,
    renewNow() {
      wake.abort();
      wake = new AbortController();
    },
    run: (...args) => runJoinbot(args, process),
    async start(config, ...flags) {
      const file = join(folder, 'tbot.yaml');
      await writeFile(file, config);
      return runJoinbot(['start', '-c', file, ...flags], process);
    },
    stopAfterWaits(waits) {
      clock.onSleep = () => {
        if (clock.sleeps.length < waits) return;
        stop.abort();
        wake.abort();
      };
    },
  };
}

/** The config of the guides, with what a test adds. */
export const guideConfig = (more = ''): string => `version: v2
proxy_server: broker.example.com:443
onboarding:
  join_method: azure
  token: example-bot
${more}`;
