/** Runs `joinctl` in process, as a test sees it: a command line in, exit code and output out. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Io } from '../../admin/io.ts';
import { type Profile, writeProfile } from '../../admin/profile.ts';
import { run } from '../../admin/run.ts';
import type { SignInRequest } from '../../admin/sign-in/sign-in.ts';
import type { Resource } from '../../shared/protocol/resource.ts';
import {
  CLIENT_ID,
  type FakeBroker,
  type FakeBrokerOptions,
  fakeBroker,
  TENANT,
} from './fake-broker.ts';

const PROFILE: Profile = {
  broker: 'https://broker.example.com',
  cluster: 'example',
  cloud: 'AzurePublic',
  tenant: TENANT,
  client_id: CLIENT_ID,
  auth: 'default',
};

export const NOW = new Date('2026-11-20T12:00:00Z');

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Terminal {
  readonly broker: FakeBroker;
  /** A folder of this test's own: the working directory; `home` and `tmp` are in it. */
  readonly folder: string;
  readonly signIns: SignInRequest[];
  readonly run: (...argv: string[]) => Promise<Outcome>;
}

export interface TerminalOptions extends FakeBrokerOptions {
  readonly resources?: readonly Resource[];
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** What the person at the terminal answers. */
  readonly answer?: string;
  readonly columns?: number;
  readonly now?: Date;
  /** What the operator's editor does with the file. */
  readonly editor?: (file: string, command: string) => Promise<number>;
  readonly signIn?: Io['signIn'];
  /** Another broker than the fake one. */
  readonly fetch?: Io['fetch'];
  readonly signedIn?: boolean;
  /** What the last sign-in remembered, where it is not the fake broker's. */
  readonly profile?: Partial<Profile>;
  readonly after?: Io['after'];
  readonly onInterrupt?: Io['onInterrupt'];
  /** Told of everything that is printed, as it is. */
  readonly onPrint?: (text: string) => void;
  /** Where the operator stands, below `folder`. */
  readonly cwd?: string;
}

/** A terminal at which somebody is signed in to https://broker.example.com, unless `env` names another broker, or none. */
export async function terminal(options: TerminalOptions = {}): Promise<Terminal> {
  const folder = await mkdtemp(join(tmpdir(), 'joinctl-test-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const name of ['home', 'tmp', options.cwd ?? '.']) {
    await mkdir(join(folder, name), { recursive: true });
  }
  const broker = fakeBroker(options);
  const named = options.env ? options.env['JOINCTL_PROXY'] : 'broker.example.com';
  if (options.signedIn ?? named === 'broker.example.com')
    await writeProfile(join(folder, 'home', '.joinctl'), { ...PROFILE, ...options.profile });
  for (const resource of options.resources ?? []) broker.put(resource);
  const signIns: SignInRequest[] = [];
  let time = (options.now ?? NOW).getTime();
  let ids = 0;
  return {
    broker,
    folder,
    signIns,
    async run(...argv) {
      let stdout = '';
      let stderr = '';
      const io: Io = {
        fetch: options.fetch ?? broker.fetch,
        stdout: {
          write: (text) => {
            stdout += text;
            options.onPrint?.(text);
          },
          ...(options.columns !== undefined && { columns: options.columns }),
        },
        stderr: {
          write: (text) => {
            stderr += text;
          },
        },
        readStdin: async () => options.stdin ?? '',
        stdinIsTerminal: options.stdin === undefined,
        ask: async (question) => {
          stderr += question;
          return options.answer ?? '';
        },
        env: options.env ?? {},
        cwd: join(folder, options.cwd ?? '.'),
        home: join(folder, 'home'),
        temporary: join(folder, 'tmp'),
        now: () => new Date(time),
        sleep: async (milliseconds) => {
          time += milliseconds;
        },
        after: options.after ?? (() => () => {}),
        onInterrupt: options.onInterrupt ?? (() => () => {}),
        randomId: () => {
          ids += 1;
          return `10c00000-0000-4000-8000-${String(ids).padStart(12, '0')}`;
        },
        openEditor: async (command, file) => options.editor?.(file, command) ?? 0,
        signIn: async (request) => {
          signIns.push(request);
          return options.signIn?.(request) ?? { ok: true, token: operatorToken() };
        },
      };
      const code = await run(argv, io);
      return { code, stdout, stderr };
    },
  };
}

/** An unsigned token with the claims of an operator, good for an hour. */
export function operatorToken(claims: Readonly<Record<string, unknown>> = {}): {
  text: string;
  expires: Date;
} {
  const payload = {
    aud: CLIENT_ID,
    roles: ['JoinBroker.Admin'],
    preferred_username: 'ada@example.com',
    ...claims,
  };
  const parts = [{ alg: 'RS256' }, payload].map((part) =>
    Buffer.from(JSON.stringify(part)).toString('base64url'),
  );
  return { text: [...parts, 'c2ln'].join('.'), expires: new Date(NOW.getTime() + 3_600_000) };
}
