/**
 * The rotation with real parts: several function instances in processes of their own, Azurite's tables, and machines that join all
 * the time. Weeks go by in steps; at each the timers of all instances run at once, and some instances are killed in the middle.
 * No join may be lost, and openssl and ssh-keygen have to accept every certificate by every trust bundle that need not be
 * refreshed yet.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { AuthorityStatus } from '../../../shared/protocol/authorities.ts';
import type { TrustBundle } from '../../../shared/protocol/trust.ts';
import type { Listening } from '../../azure/cloud.ts';
import { type DescribedCloud, describedCloud } from '../../azure/description.ts';
import { brokerSettings } from '../../broker-settings.ts';
import { writePrivately } from '../../endpoints.ts';
import { startTables } from '../../tables.ts';
import type { Random } from '../random.ts';
import { type Host, startHost } from './hosts.ts';
import { joinAnyhow } from './joiner.ts';
import { type Issued, problemsOf } from './verify.ts';

export interface LiveOptions {
  /** An empty folder. */
  readonly folder: string;
  /** How many SSH authorities of users have to follow one another. */
  readonly rotations: number;
  /** Hours between two steps. */
  readonly stepHours: number;
  readonly random: Random;
  readonly tell: (line: string) => void;
}

export interface LiveFigures {
  readonly days: number;
  readonly steps: number;
  /** Authorities that signed, the first ones included. */
  readonly sshAuthorities: number;
  readonly issuingKeys: number;
  readonly dataKeys: number;
  readonly joins: number;
  /** Requests that those took: more where an instance died. */
  readonly tries: number;
  readonly kills: number;
  /** Instances that were killed while their timer was at work. */
  readonly killsInRotation: number;
  /** Certificates, X.509 and SSH each, times the bundles and moments that they were checked with. */
  readonly checks: number;
  readonly seconds: number;
}

const DESCRIPTION = fileURLToPath(new URL('../../../examples/local-azure.yaml', import.meta.url));
const HOUR_MS = 3_600_000;
/** Instances, and how much their clocks differ. */
const SKEWS_MS = [-20_000, 0, 20_000];
const JOINS_PER_STEP = 6;
/** A timer's run with writes takes about so long. */
const RUN_MS = 120;
/** The shortest policy that the settings accept. */
const POLICY = { JOIN_BROKER_SSH_PUBLICATION: '26h', JOIN_BROKER_SSH_SIGNING: '100h' };
/** Just before a bundle is to be asked for again. */
const STALE_MS = 59 * 60_000;
const STEPS_PER_DATA_KEY = 4;

interface Live {
  readonly certificate: Issued;
  readonly expires: number;
}

/** Throws an `Error` that says what did not hold. */
export async function proveLiveRotation(options: LiveOptions): Promise<LiveFigures> {
  const started = performance.now();
  const { random, folder, tell } = options;
  const begin = Date.now();
  let moved = 0;
  const now = (): Date => new Date(Date.now() + moved);
  const described = describedCloud(await readFile(DESCRIPTION, 'utf8'), { now });
  const tables = await startTables();
  const azure = await described.cloud.listen();
  const hosts: Host[] = [];
  try {
    const settings = await settingsOf(folder, { tables, azure, described });
    const spawn = (i: number): Promise<Host> => startHost(settings, now(), SKEWS_MS[i] ?? 0);
    hosts.push(...(await Promise.all(SKEWS_MS.map((_, i) => spawn(i)))));
    const move = (ms: number): void => {
      moved += ms;
      for (const host of hosts) host.setTime(now());
    };
    await prepare(hosts, described);

    const cluster = settings['JOIN_BROKER_CLUSTER_NAME'] ?? '';
    const machine = described.machines.get('vm-user');
    if (!machine) throw new Error('there is no machine vm-user in examples/local-azure.yaml');
    const live = new Set<Live>();
    const seen = { ssh: new Set<string>(), issuing: new Set<string>(), pins: new Set<string>() };
    const figures = { steps: 0, joins: 0, tries: 0, kills: 0, killsInRotation: 0, checks: 0 };

    async function check(certificates: readonly Issued[], bundle: TrustBundle): Promise<void> {
      const problems = await problemsOf(certificates, bundle, now(), folder);
      if (problems.length > 0)
        throw new Error(`After ${hoursSince(begin, now())} hours: ${problems.join('; ')}`);
      figures.checks += 2 * certificates.length;
    }

    async function joinOnce(first: number): Promise<void> {
      const { answer, tries } = await joinAnyhow({
        machine: machine as NonNullable<typeof machine>,
        cluster,
        token: 'live',
        ttl: '24h',
        urlOf: (attempt) => hosts[(first + attempt) % hosts.length]?.url ?? '',
      });
      const [certificate] = answer.certificates;
      if (!certificate?.ssh) throw new Error('a certificate is missing');
      figures.joins += 1;
      figures.tries += tries;
      const issued = { tls: certificate.tls, ssh: certificate.ssh };
      live.add({ certificate: issued, expires: Date.parse(certificate.expires) });
      seen.issuing.add(issued.tls.slice(issued.tls.indexOf('-----END')));
    }

    /** All timers at once, joins all the while, and maybe a death in the middle. */
    async function rotateAndJoin(): Promise<void> {
      const joins = Array.from({ length: JOINS_PER_STEP }, async (_, i) => {
        await pause(random.between(0, RUN_MS));
        await joinOnce(i);
      });
      const victim = random.chance(0.6) ? Math.floor(random.next() * hosts.length) : undefined;
      const runs = hosts.map((host) => host.runTimer('rotate-keys'));
      // An operator has the data key renewed meanwhile; what is left half-way is for the timers.
      const renewal =
        figures.steps % STEPS_PER_DATA_KEY === 0 ? renewDataKey(hosts, described) : undefined;
      let isAtWork = true;
      if (victim !== undefined) {
        void runs[victim]?.then(() => {
          isAtWork = false;
        });
        await pause(random.between(0, RUN_MS));
        if (isAtWork) figures.killsInRotation += 1;
        figures.kills += 1;
        await hosts[victim]?.kill();
        hosts[victim] = await spawn(victim);
      }
      await Promise.all([...runs, ...joins, renewal]);
    }

    while (seen.ssh.size <= options.rotations) {
      figures.steps += 1;
      if (figures.steps > 1000) throw new Error('the authorities do not rotate');
      const bundles = await Promise.all(hosts.map(bundleOf));
      for (const one of live) if (one.expires <= now().getTime()) live.delete(one);
      for (const bundle of bundles) {
        seen.pins.add(bundle.ca_pins.join());
        await check(
          [...live].map(({ certificate }) => certificate),
          bundle,
        );
      }
      move(STALE_MS);
      const before = new Set(live);
      await rotateAndJoin();
      const fresh = [...live]
        .filter((one) => !before.has(one))
        .map(({ certificate }) => certificate);
      for (const bundle of bundles) await check(fresh, bundle);
      for (const { ssh } of fresh) seen.ssh.add(signerOf(ssh));
      if (seen.pins.size > 1) throw new Error('the root changed');
      if (figures.steps % 10 === 0)
        tell(`${figures.steps} steps, ${figures.joins} joins, ${figures.kills} kills`);
      move(Math.round(options.stepHours * HOUR_MS * random.between(0.8, 1.2)) - STALE_MS);
    }
    const dataKeys = await expectGoodState(hosts, described);
    return {
      days: Math.round(hoursSince(begin, now()) / 24),
      sshAuthorities: seen.ssh.size,
      issuingKeys: seen.issuing.size,
      dataKeys,
      ...figures,
      seconds: Math.round((performance.now() - started) / 1000),
    };
  } finally {
    await Promise.all(hosts.map((host) => host.kill()));
    await azure.close();
    await tables.close();
  }
}

const hoursSince = (begin: number, at: Date): number =>
  Math.round((at.getTime() - begin) / HOUR_MS);

async function settingsOf(
  folder: string,
  parts: {
    readonly tables: Awaited<ReturnType<typeof startTables>>;
    readonly azure: Listening;
    readonly described: DescribedCloud;
  },
): Promise<Record<string, string>> {
  const profile = join(folder, 'simulated-cloud.json');
  await writePrivately(profile, JSON.stringify(parts.azure.profile));
  return { ...brokerSettings({ state: folder, profile, ...parts }), ...POLICY };
}

/** The first act, a bot, and a join token for the machine. */
async function prepare(hosts: readonly Host[], described: DescribedCloud): Promise<void> {
  const call = callerOf(hosts, described);
  await call('POST', 'authorities/init', {});
  const spec = { roles: ['access'], traits: [{ name: 'logins', values: ['root'] }] };
  const bot = { kind: 'bot', version: 'v1', metadata: { name: 'live' }, spec };
  await call('PUT', 'resources/bot/live', bot);
  const allow = [{ subscription: '11111111-1111-1111-1111-111111111111' }];
  await call('PUT', 'resources/token/live', {
    kind: 'token',
    version: 'v2',
    metadata: { name: 'live' },
    spec: { roles: ['Bot'], bot_name: 'live', join_method: 'azure', azure: { allow } },
  });
}

const callerOf =
  ([host]: readonly Host[], { operators }: DescribedCloud) =>
  async (method: string, path: string, body?: object): Promise<unknown> => {
    const answer = await fetch(`${host?.url}/v1/${path}`, {
      method,
      headers: {
        authorization: `Bearer ${operators.get('admin')?.accessToken()}`,
        ...(body && { 'content-type': 'application/json' }),
        ...(method === 'PUT' && { 'if-none-match': '*' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`);
    return answer.status === 204 ? undefined : answer.json();
  };

async function bundleOf({ url }: Host): Promise<TrustBundle> {
  const answer = await fetch(`${url}/v1/trust`);
  if (!answer.ok) throw new Error(`the trust bundle: ${await answer.text()}`);
  return (await answer.json()) as TrustBundle;
}

/** As `joinctl auth rotate --type=data`, by way of an instance that may be killed in the middle of it. */
async function renewDataKey(hosts: readonly Host[], described: DescribedCloud): Promise<void> {
  const call = callerOf(hosts, described);
  try {
    const { keys } = (await call('GET', 'authorities')) as AuthorityStatus;
    const numbers = keys
      .filter(({ authority }) => authority === 'data')
      .map(({ number }) => number);
    await call('POST', 'authorities/data/rotate', { numbers });
  } catch {
    // It was killed, or a timer was faster.
  }
}

/** Nothing is missing, nothing is ignored, and what is over is gone. Gives the number of the data key. */
async function expectGoodState(hosts: readonly Host[], described: DescribedCloud): Promise<number> {
  const status = (await callerOf(hosts, described)('GET', 'authorities')) as AuthorityStatus;
  const { missing, ignored, keys } = status;
  if (missing !== undefined || ignored.length > 0)
    throw new Error(`at the end there are ignored rows (${ignored.join()}), or ${missing}`);
  if (keys.length > 12) throw new Error(`at the end there are ${keys.length} keys`);
  const [data, ...more] = keys.filter(({ authority }) => authority === 'data');
  if (!data || more.length > 0) throw new Error('at the end there is not one data key');
  return data.number;
}

/** The signing authority's key, as it stands in an SSH certificate: what comes before the signature. */
function signerOf(line: string): string {
  const blob = Buffer.from(line.split(' ')[1] ?? '', 'base64');
  const name = Buffer.from('\0\0\0\x33\0\0\0\x0bssh-ed25519', 'latin1');
  const at = blob.lastIndexOf(name);
  return blob.subarray(at, at + name.length + 36).toString('base64');
}
