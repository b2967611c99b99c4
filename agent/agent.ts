/** The agent's life: join, write what was granted, renew in time; once only with `oneshot`. */
import { formatTimestamp } from '../shared/protocol/values.ts';
import type { Effects } from './effects.ts';
import { Failure } from './failure.ts';
import { writeIdentity, writeOwnIdentity } from './identity-directory.ts';
import { type Instance, loadInstance } from './instance-state.ts';
import type { Joined } from './join-answer.ts';
import type { Joiner } from './joiner.ts';
import { untilNextTry, untilRenewal } from './schedule.ts';
import type { AgentSettings } from './settings.ts';

/** Gives a signal that is aborted once the agent is told to renew now, or to stop, from here on. */
export type NextWake = () => AbortSignal;

/** What is to happen after each join and renewal, when all is written. Never fails. */
export type AfterWriting = () => Promise<void>;

/** Ends when it was told to stop; with `oneshot`, once everything is written. Then a failure is thrown, else logged. */
export async function runAgent(
  settings: AgentSettings,
  joiner: Joiner,
  effects: Effects,
  nextWake: NextWake,
  afterWriting: AfterWriting = async () => undefined,
): Promise<void> {
  const { clock, random, log, stop } = effects;
  announce(settings, effects);
  const { storage } = settings;
  let instance =
    storage.type === 'directory' ? await loadInstance(settings, storage.path, log) : undefined;

  for (let failures = 0; !stop.aborted; ) {
    let wait: number;
    let working = true;
    // From before the work on: who tells the agent to renew meanwhile has changed something that this round may not see.
    const wake = nextWake();
    const onWake = (): void => {
      if (stop.aborted || settings.oneshot) return;
      log.info(`told to renew now${working ? ': again, once this renewal is over' : ''}`);
    };
    wake.addEventListener('abort', onWake, { once: true });
    try {
      const joined = await joiner.join(instance);
      report(joined, instance, effects);
      instance = joined.instance;
      await write(joined, settings, joiner, effects);
      await afterWriting();
      if (settings.oneshot) return;
      failures = 0;
      const intervalMs = settings.renewalIntervalSeconds * 1000;
      wait = untilRenewal({ intervalMs, expires: soonestEnd(joined), now: clock.now() }, random);
    } catch (error) {
      if (stop.aborted && !settings.oneshot) break;
      if (settings.oneshot || !(error instanceof Failure)) throw error;
      failures += 1;
      wait = Math.max(untilNextTry(failures, random), error.retryAfterMs ?? 0);
      log.error(`${error.message}${stillGood(instance, clock.now())}`);
    }
    log.debug(`the next renewal is in ${Math.round(wait / 1000)} s`);
    working = false;
    await clock.sleep(wait, wake);
  }
  log.info('stopped');
}

function announce(settings: AgentSettings, { log }: Pick<Effects, 'log'>): void {
  if (settings.caPins.length === 0) {
    log.info(
      'no ca_pins are set: the trust bundle is taken as the TLS connection delivers it; pins are safer, "joinctl status" shows them',
    );
  }
  if (settings.storage.type === 'memory' && settings.outputs.length === 0) {
    log.info('storage is memory and there are no outputs: nothing will be written');
  }
  for (const note of settings.host?.notes ?? []) log.info(note);
}

function report(joined: Joined, before: Instance | undefined, { log }: Pick<Effects, 'log'>): void {
  const { instance, trust, certificates } = joined;
  const done = before?.id === instance.id ? 'renewed' : 'joined';
  const [own] = certificates;
  log.info(
    `${done} as ${describe(joined)} (instance ${instance.id}, generation ${instance.generation}, certificates until ${formatTimestamp(own.expires)})`,
  );
  if (before?.trust.root !== trust.root) log.info(`the broker's root has the CA pin ${trust.root}`);
}

const describe = ({ instance: { role, bot }, certificates: [own] }: Joined): string =>
  bot === undefined ? `${role} ${own.names.join(', ')}` : `bot ${bot}`;

/** The agent's own directory first: losing it costs a fresh join. One bad directory doesn't keep the others from theirs. */
async function write(
  joined: Joined,
  { storage, outputs }: AgentSettings,
  { storesItself }: Joiner,
  { clock, log }: Pick<Effects, 'clock' | 'log'>,
): Promise<void> {
  const { instance, trust, certificates } = joined;
  const [own, ...others] = certificates;
  const problems: Failure[] = [];
  const told = async (path: string, { ssh, sshAbsent }: typeof own, work: () => Promise<void>) => {
    try {
      await work();
      log.info(`wrote ${path}`);
      if (ssh === undefined) {
        const why = sshAbsent ?? 'the roles have no login';
        log.info(`there is no SSH certificate in ${path}: ${why}`);
      }
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      problems.push(error);
    }
  };

  if (storage.type === 'directory') {
    const { path } = storage;
    await told(path, own, async () => {
      if (!storesItself) await writeOwnIdentity(path, joined, clock.now());
    });
  }
  for (const [position, { path }] of outputs.entries()) {
    const certificate = others[position];
    if (!certificate || instance.bot === undefined) continue;
    const { bot } = instance;
    await told(path, certificate, () =>
      writeIdentity(path, bot, certificate, trust.bundle, clock.now()),
    );
  }
  const [first] = problems;
  if (first) throw new Failure(first.code, problems.map(({ message }) => message).join('; '));
}

const soonestEnd = ({ certificates }: Joined): Date =>
  new Date(Math.min(...certificates.map(({ expires }) => expires.getTime())));

function stillGood(instance: Instance | undefined, now: Date): string {
  if (!instance) return '';
  const until = formatTimestamp(instance.expires);
  return instance.expires > now
    ? ` (the certificates are good until ${until})`
    : ` (the certificates expired at ${until})`;
}
