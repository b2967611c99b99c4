/** The version of this software: that of package.json, put here when a bundle is built. */
declare const PACKAGE_VERSION: string | undefined;

export const VERSION: string =
  typeof PACKAGE_VERSION === 'string' ? PACKAGE_VERSION : '0.0.0-source';
