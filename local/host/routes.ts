/** Which function an HTTP request is for: route templates as the Functions host matches them. */
import type { HttpFunction } from './function-app.ts';

export interface RouteMatch {
  readonly name: string;
  readonly params: Readonly<Record<string, string>>;
}

/** Finds the function for a method and a path (encoded, as it was sent); `undefined` if there is none. */
export type Router = (method: string, path: string) => RouteMatch | undefined;

/**
 * Routes to the most specific template that fits and has the method. Throws a sentence for a template that this host can't
 * match, that Azure keeps for itself, or that two functions share.
 */
export function createRouter(functions: readonly HttpFunction[]): Router {
  const routes = functions
    .map((fn) => ({ fn, template: parseTemplate(fn) }))
    .sort((a, b) => (precedence(a.template) < precedence(b.template) ? -1 : 1));
  refuseDuplicates(functions);
  return (method, path) => {
    const segments = path.split('/').slice(1);
    if (segments.at(-1) === '') segments.pop();
    for (const { fn, template } of routes) {
      if (!fn.methods.includes(method)) continue;
      const params = matchTemplate(template, segments);
      if (params) return { name: fn.name, params };
    }
    return undefined;
  };
}

type Segment =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'parameter' | 'rest'; readonly name: string };

/** What Azure's host serves itself. */
const RESERVED = ['admin', 'runtime'];

function parseTemplate({ name, route }: HttpFunction): readonly Segment[] {
  if (route === '') return [];
  const texts = route.split('/');
  if (RESERVED.includes(texts[0]?.toLowerCase() ?? '')) {
    throw new Error(`Function "${name}": Azure keeps the route /${texts[0]} for itself.`);
  }
  return texts.map((text, position) => {
    const match = /^\{(\*?)([A-Za-z_]\w*)\}$/.exec(text);
    if (match?.[2] !== undefined) {
      if (match[1] === '') return { kind: 'parameter', name: match[2] };
      if (position === texts.length - 1) return { kind: 'rest', name: match[2] };
    }
    if (text === '' || /[{}*?]/.test(text)) {
      throw new Error(`Function "${name}": this host can't match "${text}" in the route /${route}`);
    }
    return { kind: 'literal', text: text.toLowerCase() };
  });
}

const WEIGHT = { literal: '1', parameter: '3', rest: '5' } as const;

/** The smaller text is the more specific template: it differs in favour of a literal, or ends, first. */
const precedence = (template: readonly Segment[]): string =>
  template.map(({ kind }) => WEIGHT[kind]).join('');

function refuseDuplicates(functions: readonly HttpFunction[]): void {
  const taken = new Map<string, string>();
  for (const { name, route, methods } of functions) {
    for (const method of methods) {
      const address = `${method} /${route.toLowerCase().replace(/\{(\*?)\w+\}/g, '{$1}')}`;
      const other = taken.get(address);
      if (other) throw new Error(`Functions "${other}" and "${name}" both serve ${address}`);
      taken.set(address, name);
    }
  }
}

function matchTemplate(
  template: readonly Segment[],
  segments: readonly string[],
): Record<string, string> | undefined {
  const params: Record<string, string> = {};
  for (const [position, part] of template.entries()) {
    if (part.kind === 'rest') {
      const rest = segments.slice(position).map(decodeSegment).join('/');
      return rest === '' ? params : { ...params, [part.name]: rest };
    }
    const segment = decodeSegment(segments[position] ?? '');
    if (segment === '') return undefined;
    if (part.kind !== 'literal') params[part.name] = segment;
    else if (part.text !== segment.toLowerCase()) return undefined;
  }
  return segments.length === template.length ? params : undefined;
}

/** An encoded slash stays encoded, as does what is no UTF-8. */
const decodeSegment = (segment: string): string =>
  segment
    .split(/(%2f)/i)
    .map((part) => {
      try {
        return /^%2f$/i.test(part) ? part : decodeURIComponent(part);
      } catch {
        return part;
      }
    })
    .join('');
