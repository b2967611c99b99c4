/**
 * Reads a document that calculates: its tables have rows of a name and a number (an input), and rows of a name, a formula
 * of earlier names, and the value that the document shows.
 */

export interface Calculation {
  /** Each row with a formula: what the document shows, and what comes out, written with as many digits. */
  readonly results: readonly {
    readonly name: string;
    readonly shown: string;
    readonly value: string;
  }[];
  readonly values: ReadonlyMap<string, number>;
}

const NAME = '`([a-z_0-9]+)`';
const INPUT = new RegExp(`^\\| ${NAME} \\| ([\\d.,]+) \\|`);
const RESULT = new RegExp(`^\\| ${NAME} \\| \`([^\`]+)\` \\| ([\\d.,]+) \\|`);

export function calculate(markdown: string): Calculation {
  const values = new Map<string, number>();
  const results: { name: string; shown: string; value: string }[] = [];
  const define = (name: string, value: number): void => {
    if (values.has(name)) throw new Error(`${name} stands there twice`);
    values.set(name, value);
  };
  for (const line of markdown.split('\n')) {
    const [, input, number] = INPUT.exec(line) ?? [];
    if (input !== undefined && number !== undefined) define(input, numberOf(number));
    const [, name, formula, shown] = RESULT.exec(line) ?? [];
    if (name === undefined || formula === undefined || shown === undefined) continue;
    const value = evaluate(formula, values);
    define(name, value);
    results.push({ name, shown, value: written(value, shown) });
  }
  return { results, values };
}

const numberOf = (text: string): number => Number(text.replaceAll(',', ''));

/** The value in the form of `shown`: as many decimals, thousands apart. */
const written = (value: number, shown: string): string => {
  const digits = shown.split('.')[1]?.length ?? 0;
  return value.toLocaleString('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
};

/** Adds, subtracts, multiplies and divides; `max(a, b)` and parentheses. */
export function evaluate(formula: string, values: ReadonlyMap<string, number>): number {
  const tokens = formula.match(/[a-z_][a-z_0-9]*|\d+(?:\.\d+)?|\S/g) ?? [];
  let at = 0;
  const next = (): string => tokens[at++] ?? '';
  const expect = (token: string): void => {
    const found = next();
    if (found !== token) throw new Error(`${formula}: expected ${token}, found ${found}`);
  };
  const factor = (): number => {
    const token = next();
    if (token === '(') {
      const inner = sum();
      expect(')');
      return inner;
    }
    if (token === 'max') {
      expect('(');
      const first = sum();
      expect(',');
      const second = sum();
      expect(')');
      return Math.max(first, second);
    }
    const value = /^\d/.test(token) ? numberOf(token) : values.get(token);
    if (value === undefined || Number.isNaN(value))
      throw new Error(`${formula}: what is ${token}?`);
    return value;
  };
  const product = (): number => {
    let value = factor();
    while (tokens[at] === '*' || tokens[at] === '/') {
      value = next() === '*' ? value * factor() : value / factor();
    }
    return value;
  };
  const sum = (): number => {
    let value = product();
    while (tokens[at] === '+' || tokens[at] === '-') {
      value = next() === '+' ? value + product() : value - product();
    }
    return value;
  };
  const value = sum();
  if (at < tokens.length) throw new Error(`${formula}: what is ${tokens[at]}?`);
  return value;
}
