/** Addresses that people write: the broker's, and those that point the agent at a simulated machine. */
import { isLoopback } from '../shared/protocol/loopback.ts';
import { Failure } from './failure.ts';
import { printable } from './printable.ts';

/**
 * The origin of a broker written as `host`, `host:port` or `https://host:port`. Plain http is for loopback only.
 * `undefined` if it is no such address.
 */
export function brokerOrigin(text: string): string | undefined {
  const written = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `https://${text}`;
  if (/[\s${}]/.test(text) || !URL.canParse(written)) return undefined;
  const url = new URL(written);
  const bare =
    url.username === '' &&
    url.password === '' &&
    url.search === '' &&
    url.hash === '' &&
    url.pathname === '/';
  const secure =
    url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname));
  return bare && secure ? url.origin : undefined;
}

export const BROKER_ADDRESS = 'host:port or https://host:port (http:// for loopback only)';

/** The address of a simulated VM's metadata service: loopback only, since what answers there is believed. */
export function simulatedMetadataService(
  text: string,
  variable: 'JOINBOT_IMDS_URL' | 'JOINBOT_AWS_IMDS_URL' = 'JOINBOT_IMDS_URL',
): string {
  const url = baseUrl(variable, text);
  if (url.protocol !== 'http:' || !isLoopback(url.hostname)) {
    throw new Failure(
      'config',
      `${variable}: expected an http:// address on loopback, got ${printable(text)}`,
    );
  }
  return withoutSlash(url);
}

/** Where to download certificates by their file names. */
export const certificateMirror = (text: string): string =>
  withoutSlash(baseUrl('JOINBOT_PKI_URL', text));

function baseUrl(variable: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const web = url && (url.protocol === 'http:' || url.protocol === 'https:');
  if (!url || !web || url.search !== '' || url.hash !== '') {
    throw new Failure(
      'config',
      `${variable}: expected an http:// or https:// address, got ${printable(text)}`,
    );
  }
  return url;
}

const withoutSlash = (url: URL): string => url.href.replace(/\/$/, '');
