/** Azure's SDKs send no token over plain http, which what stands in for Azure on loopback speaks: they are told https. */

/** `fetch` over http for an https address. Says that it came over https, so that links to more are written like that. */
export const plainFetch: typeof fetch = (input, init) => {
  const headers = new Headers(init?.headers);
  headers.set('x-forwarded-proto', 'https');
  return fetch(String(input).replace(/^https:/, 'http:'), { ...init, headers });
};
