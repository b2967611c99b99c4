/** Changes JSON where its structure says that something stands. */
import type { Random } from './random.ts';

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

const ODD: readonly Json[] = [
  null,
  true,
  -1,
  0,
  0.5,
  1e308,
  2 ** 53,
  '',
  ' ',
  'x'.repeat(2000),
  '\0',
  '\u202e',
  '\u212a',
  '__proto__',
  '../..',
  "'; --",
  '2026-11-20T12:00:00Z',
  '1h',
  [],
  [null],
  {},
];

/** One or two changes; the text may say a name twice, or be no JSON at all. */
export function mutateJson(text: string, random: Random): string {
  const value: Json = JSON.parse(text);
  for (let changes = 1 + random.below(2); changes > 0; changes -= 1) change(value, random);
  const changed = JSON.stringify(value);
  switch (random.below(12)) {
    case 0: {
      // The first member once more, with another value.
      const [, name = '"a"'] = /^\{("[^"]*")/.exec(changed) ?? [];
      return changed.replace(/^\{/, `{${name}:1,`);
    }
    case 1:
      return changed.slice(0, random.below(changed.length));
    case 2: {
      const at = random.below(changed.length);
      return changed.slice(0, at) + String.fromCharCode(random.below(0x300)) + changed.slice(at);
    }
    default:
      return changed;
  }
}

function change(value: Json, random: Random): void {
  if (typeof value !== 'object' || value === null) return;
  const names = Object.keys(value);
  const name = names.length > 0 ? random.pick(names) : 'a';
  const members = value as Record<string, Json>;
  const child = members[name] ?? null;
  if (typeof child === 'object' && child !== null && random.below(3) > 0) {
    change(child, random);
    return;
  }
  switch (random.below(5)) {
    case 0:
      if (Array.isArray(value)) value.pop();
      else delete members[name];
      break;
    case 1:
      if (Array.isArray(value)) value.push(structuredClone(child));
      else members[random.pick(['x', 'spec', 'constructor', 'time', 'role', 'instance'])] = child;
      break;
    case 2:
      if (typeof child === 'string' && child.length > 0) {
        const at = random.below(child.length);
        members[name] =
          child.slice(0, at) + random.pick(['', 'A', '\n', 'é', '=', '/']) + child.slice(at + 1);
      }
      break;
    default:
      members[name] = structuredClone(random.pick(ODD));
  }
}
