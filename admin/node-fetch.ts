/** `Fetch` over the network. */
import { exchange } from '../shared/http/exchange.ts';
import { proxyFor } from '../shared/http/proxy.ts';
import { systemAuthorities } from '../shared/http/system-authorities.ts';
import type { Fetch } from './io.ts';

/** By RFC 9110, answers with these have no body. */
const EMPTY = [204, 205, 304];

/** Through the proxy that the environment names; whom this machine trusts is trusted. */
export const nodeFetch: Fetch = async (url, request) => {
  const { protocol } = new URL(url);
  const proxy = proxyFor(new URL(url), process.env);
  const authorities = protocol === 'https:' ? systemAuthorities(process.env) : undefined;
  const { status, headers, body } = await exchange({
    url,
    ...request,
    proxy,
    ...(authorities && { authorities }),
  });
  return new Response(EMPTY.includes(status) ? null : Buffer.from(body), {
    status,
    headers: [...headers],
  });
};
