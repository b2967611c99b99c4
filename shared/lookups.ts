/** Whether a cache knew an answer. */
export type LookupResult = 'hit' | 'miss';

/** Told by a cache at every look-up. */
export type OnLookup = (result: LookupResult) => void;
