/** Fetches text from an address of our own choosing: time-limited, size-capped, no redirects (rule 7). */

export interface FetchLimits {
  readonly mostBytes: number;
  readonly milliseconds: number;
}

/** The answer's text. Fails where there is no good answer within the limits. */
export async function fetchText(
  fetch: typeof globalThis.fetch,
  url: string,
  limits: FetchLimits,
): Promise<string> {
  const signal = AbortSignal.timeout(limits.milliseconds);
  const response = await fetch(url, {
    redirect: 'error',
    signal,
    headers: { accept: 'application/json' },
  });
  if (response.status !== 200) throw new Error(`answered with status ${response.status}`);
  return textOf(response, limits.mostBytes);
}

/** An answer's text, up to a size. */
export async function textOf(response: Response, mostBytes: number): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.length;
    if (size > mostBytes) throw new Error(`answered with more than ${mostBytes} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
