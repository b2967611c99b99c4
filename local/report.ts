/** What a person sees of a demonstration: steps, and under each what it proved. Colour only on a terminal. */
import { stripVTControlCharacters, styleText } from 'node:util';

export interface Report {
  /** A step begins. */
  step(title: string): void;
  /** What the step proved. */
  proof(text: string): void;
  /** What cannot be shown here, and why. */
  skip(text: string): void;
  /** Output of a program, lightly set off. */
  output(text: string): void;
  failure(text: string): void;
  /** How many things could not be shown. */
  readonly skipped: number;
}

export interface Terminal {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

export function createReport(
  terminal: Terminal,
  env: Readonly<Record<string, string | undefined>>,
): Report {
  const coloured = terminal.isTTY === true && !env['NO_COLOR'];
  const style = (format: Parameters<typeof styleText>[0], text: string): string =>
    coloured ? styleText(format, text, { validateStream: false }) : text;
  const print = (line: string): void => {
    terminal.write(`${line}\n`);
  };
  let steps = 0;
  let skipped = 0;
  return {
    step: (title) => {
      steps += 1;
      print(`\n${style('bold', `${steps}. ${title}`)}`);
    },
    proof: (text) => print(`   ${style('green', '✓')} ${text}`),
    skip: (text) => {
      skipped += 1;
      print(`   ${style('yellow', '-')} ${text}`);
    },
    get skipped() {
      return skipped;
    },
    output: (text) => {
      for (const line of stripVTControlCharacters(text).trimEnd().split('\n')) {
        print(`     ${style('dim', line)}`);
      }
    },
    failure: (text) => print(`   ${style('red', '✗')} ${text}`),
  };
}
