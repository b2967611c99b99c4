/** A broker's address as people write it: `host`, `host:port` or a whole URL. */
import { isLoopback } from '../shared/protocol/loopback.ts';
import { Failure } from './failure.ts';
import { printable } from './printable.ts';

/** The address as an origin, `https://host[:port]`. Without a scheme it is https; http is for loopback only. */
export function parseAddress(text: string): string {
  const shown = printable(text);
  const url = parseUrl(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `https://${text}`);
  if (!url || !['https:', 'http:'].includes(url.protocol) || !isOnlyOrigin(url)) {
    throw new Failure(`"${shown}" is no broker address: write host, host:port or https://host.`);
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    throw new Failure(`"${shown}" is not on this machine, so it must be https, not http.`);
  }
  return url.origin;
}

/** `undefined` for what is no URL. */
export const parseUrl = (text: string): URL | undefined =>
  URL.canParse(text) ? new URL(text) : undefined;

const isOnlyOrigin = (url: URL): boolean =>
  url.username === '' &&
  url.password === '' &&
  url.pathname === '/' &&
  url.search === '' &&
  url.hash === '';

/** The address as configs write it: `host:port` where it is https, else the whole. */
export function shortAddress(origin: string): string {
  const url = new URL(origin);
  return url.protocol === 'https:' ? `${url.hostname}:${url.port || '443'}` : origin;
}
