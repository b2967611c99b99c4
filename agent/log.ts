/** Log lines: short text, or JSON for collectors. No token, key or secret is ever passed in here (rule 14). */
import { formatTimestamp } from '../shared/protocol/values.ts';
import { printable } from './printable.ts';

export type LogFormat = 'text' | 'json';
type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export type Log = Readonly<Record<LogLevel, (message: string) => void>>;

const LONGEST_MESSAGE = 2000;

export function createLog(options: {
  readonly format: LogFormat;
  readonly debug: boolean;
  readonly write: (line: string) => void;
  readonly now: () => Date;
}): Log {
  const line = (level: LogLevel) => (message: string) => {
    if (level === 'debug' && !options.debug) return;
    const time = formatTimestamp(options.now());
    const text = printable(message, LONGEST_MESSAGE);
    options.write(
      options.format === 'json'
        ? `${JSON.stringify({ time, level, message: text })}\n`
        : `${time} ${level.toUpperCase().padEnd(5)} ${text}\n`,
    );
  };
  return { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
}
