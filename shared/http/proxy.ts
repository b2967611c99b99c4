/** Which proxy a request goes through, as the environment says it: `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`, in either case. */
import { BlockList, isIP } from 'node:net';

export interface WebProxy {
  readonly host: string;
  readonly port: number;
  /** `Proxy-Authorization`; a secret. */
  readonly authorization?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** `undefined`: none. This machine itself is never asked through one. Throws an error that names the variable. */
export function proxyFor(url: URL, env: Environment): WebProxy | undefined {
  const scheme = url.protocol === 'https:' ? 'https' : 'http';
  const [variable, value] = given(env, `${scheme}_proxy`);
  if (!value || isExempt(url, given(env, 'no_proxy')[1] ?? '')) return undefined;
  const proxy = readProxy(value);
  if (proxy) return proxy;
  // Its value may hold a password: it isn't repeated.
  throw new Error(`${variable}: expected http://host:port`);
}

/** The lower-case name first, as curl does it. */
function given(env: Environment, name: string): readonly [name: string, value: string | undefined] {
  const variable = env[name] ? name : name.toUpperCase();
  return [variable, env[variable]];
}

function readProxy(value: string): WebProxy | undefined {
  const written = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`;
  if (!URL.canParse(written)) return undefined;
  const { protocol, hostname, port, username, password, pathname } = new URL(written);
  if (protocol !== 'http:' || hostname === '' || pathname !== '/') return undefined;
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const basic = `Basic ${Buffer.from(credentials).toString('base64')}`;
  return {
    host: withoutBrackets(hostname),
    port: Number(port || 80),
    ...(username !== '' && { authorization: basic }),
  };
}

const withoutBrackets = (host: string): string => host.replace(/^\[(.*)\]$/, '$1');

function isExempt(url: URL, noProxy: string): boolean {
  const host = withoutBrackets(url.hostname).toLowerCase();
  if (host === 'localhost' || host.endsWith('.localhost') || isInRange(host, '127.0.0.0/8'))
    return true;
  if (host === '::1') return true;
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return noProxy
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .some((entry) => isMeant(entry, host, port));
}

/** `example.com` and `.example.com` are for hosts below it, too; an entry may have a port, or be a range of addresses. */
function isMeant(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  if (isInRange(host, entry)) return true;
  const [, name = entry, only] = /^(.*?):(\d+)$/.exec(isIP(entry) === 6 ? '' : entry) ?? [];
  if (only !== undefined && only !== port) return false;
  const domain = withoutBrackets(name).replace(/^\*?\./, '');
  return host === domain || (isIP(host) === 0 && host.endsWith(`.${domain}`));
}

function isInRange(host: string, range: string): boolean {
  const [, network = '', bits = ''] = /^([0-9a-f.:]+)\/(\d{1,3})$/.exec(range) ?? [];
  const family = isIP(network);
  if (family === 0 || isIP(host) !== family || Number(bits) > (family === 4 ? 32 : 128))
    return false;
  const list = new BlockList();
  const type = family === 4 ? 'ipv4' : 'ipv6';
  list.addSubnet(network, Number(bits), type);
  return list.check(host, type);
}
