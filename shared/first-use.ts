/** What is made, or loaded, when it is first needed: no start waits for it. */

/** Runs at the first call only; after a failure the next call tries again. */
export function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make().catch((error: unknown) => {
      made = undefined;
      throw error;
    });
    return made;
  };
}

type AsyncMethod = (...args: never[]) => Promise<unknown>;

/** An object whose methods, all of them named here, wait for the real one, which is opened at the first call. */
export function onFirstUse<T extends { readonly [K in keyof T]: AsyncMethod }>(
  open: () => Promise<T>,
  methods: { readonly [K in keyof T]: true },
): T {
  const names = Object.keys(methods) as (keyof T)[];
  return Object.fromEntries(
    names.map((name) => [name, async (...args: never[]) => (await open())[name](...args)]),
  ) as unknown as T;
}
