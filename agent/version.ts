/** The version that `joinbot version` prints and the broker sees. */

/** Put in by the bundler, from package.json. */
declare const PACKAGE_VERSION: string | undefined;

export const VERSION =
  typeof PACKAGE_VERSION === 'undefined' ? 'development' : (PACKAGE_VERSION as string);
