/** What is missing before the broker can sign anything, in words for operators: nothing of it is a secret. */
import type { RememberedRoot } from './custody.ts';
import type { StoredKeys } from './key-store.ts';
import type { KeyKind } from './rotation.ts';

export interface Missing {
  readonly stored: StoredKeys;
  readonly lost: readonly KeyKind[];
  readonly remembered: RememberedRoot | undefined;
  readonly cluster: string;
}

/** One sentence: what is not there, and what an operator can do. */
export function sayMissing({ stored, lost, remembered, cluster }: Missing): string {
  const dataKeyIsLost = lost.some(({ owner }) => owner === 'data');
  if (dataKeyIsLost && remembered && remembered.cluster !== cluster)
    return otherCluster(remembered, cluster);
  if (dataKeyIsLost && isEmpty(stored)) {
    return remembered
      ? 'the table of keys is empty, but custody remembers a root: is JOIN_BROKER_TABLES_URL right? Then the table was lost (runbook, "Lost keys")'
      : 'there is no authority yet: an operator makes it once, with joinctl auth init';
  }
  if (dataKeyIsLost && !remembered)
    return 'the table of keys is of another custody: are JOIN_BROKER_TABLES_URL and JOIN_BROKER_KEY_VAULT_URL or JOIN_BROKER_KEY_FILE right?';
  if (lost.length === 0)
    return 'keys are due that nothing has made: does the timer rotate-keys run? (runbook, "Ageing keys")';
  return `keys are missing or not genuine, and nothing takes their place by itself: ${lost.map(kindName).join(', ')} (runbook, "Lost keys")`;
}

export const otherCluster = (remembered: RememberedRoot, cluster: string): string =>
  `custody's root was made for the cluster ${remembered.cluster ?? '(without a name)'}, not for ${cluster}: JOIN_BROKER_CLUSTER_NAME never changes`;

export const kindName = ({ owner, purpose }: KeyKind): string => `${owner} (${purpose})`;

export const isEmpty = ({ keys, marks, strays }: StoredKeys): boolean =>
  keys.length + marks.length + strays.length === 0;
