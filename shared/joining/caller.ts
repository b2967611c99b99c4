/**
 * Who tries to join, before anything is proved, and how often: by address, by machine, and by address where something
 * has to be asked for a caller who has proved nothing. Only tries that come to nothing count, so that many machines behind one address don't hinder each other.
 */
import { createRateLimit } from './rate-limit.ts';

/** One attempt's caller. What it counts throws `throttled` (429). */
export interface Caller {
  /** Counts the attempt itself. */
  countAttempt(at: Date): void;
  /** Counts it for the machine that the evidence is of. */
  countMachine(machine: string, at: Date): void;
  /** Counts that AWS STS, and for a renewal storage, is asked although nothing is proved yet. */
  countQuestion(at: Date): void;
  /** The caller was admitted: nothing of this attempt counts. */
  admitted(): void;
}

/** Tries in a minute that come to nothing; 0: no limit. */
export interface CallerLimits {
  readonly attempts: number;
  readonly perMachine: number;
  readonly questions: number;
}

/** Gives the caller of an attempt, by its address. Where that is unknown, only what the evidence says is counted. */
export function createCallers(limits: CallerLimits): (client: string | undefined) => Caller {
  const attempts = createRateLimit({
    of: 'joins from this address failed',
    perMinute: limits.attempts,
  });
  const machines = createRateLimit({
    of: 'joins of this machine failed',
    perMinute: limits.perMachine,
  });
  const questions = createRateLimit({
    of: 'joins from this address proved nothing',
    perMinute: limits.questions,
  });
  return (client) => {
    const network = client === undefined ? undefined : networkOf(client);
    const counted: (() => void)[] = [];
    return {
      countAttempt(at) {
        if (network !== undefined) counted.push(attempts.take(network, at));
      },
      countMachine(machine, at) {
        counted.push(machines.take(machine, at));
      },
      countQuestion(at) {
        if (network !== undefined) counted.push(questions.take(network, at));
      },
      admitted() {
        for (const takeBack of counted.splice(0)) takeBack();
      },
    };
  };
}

/**
 * Whose an address is: an IPv4 address without its port; the first 64 bits of an IPv6 address, since whoever has one has
 * all that begin so.
 */
export function networkOf(client: string): string {
  const ipv4 = /^(?:\[?::ffff:)?(\d{1,3}(?:\.\d{1,3}){3})\]?(?::\d+)?$/i.exec(client)?.[1];
  if (ipv4 !== undefined) return ipv4;
  const address = /^\[([^\]]+)\]/.exec(client)?.[1] ?? client;
  const [before = '', after] = address.toLowerCase().split('::', 2);
  const words = (text: string | undefined): string[] => (text ? text.split(':') : []);
  const left = words(before);
  const right = words(after);
  const zeros = Math.max(8 - left.length - right.length, 0);
  return [...left, ...Array<string>(zeros).fill('0'), ...right]
    .slice(0, 4)
    .map((word) => word.replace(/^0+(?=.)/, ''))
    .join(':');
}
