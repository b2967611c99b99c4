/** What is made, or loaded, when it is first needed, and only once: no start waits for it. */

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

/** Makes something of an object once, and remembers it as long as the object is there. What can't be made is tried again. */
export function onceForEach<K extends object, T>(make: (of: K) => T): (of: K) => T {
  const made = new WeakMap<K, { readonly value: T }>();
  return (of) => {
    const known = made.get(of);
    if (known) return known.value;
    const value = make(of);
    made.set(of, { value });
    return value;
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
