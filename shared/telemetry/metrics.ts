/**
 * Every metric of the broker: a closed list, from which docs/metrics.md is made. Dimensions are few and bounded: each has
 * a closed list of values, and none of them is ever the name of a machine, bot, token or tenant.
 */

import { DENIAL_REASONS } from '../protocol/denial-reason.ts';
import { joinMethod, systemRole } from '../protocol/join.ts';
import { JOIN_FAILURES } from '../refusal.ts';

export interface Metric {
  /** Counts add up, of distributions sum, least, most and number are kept, of gauges the newest value. */
  readonly kind: 'count' | 'distribution' | 'gauge';
  /** As UCUM writes it (https://ucum.org); counted things in braces. */
  readonly unit: string;
  readonly about: string;
  readonly dimensions: Readonly<Record<string, readonly string[]>>;
}

const METHODS = [...joinMethod.options, 'none'] as const;
const OUTCOMES = ['admitted', 'denied', 'failed', 'probe'] as const;
const DEPENDENCIES = ['custody', 'directory', 'management', 'storage'] as const;
const RESULTS = ['ok', 'failed'] as const;

export const METRICS = {
  joins: {
    kind: 'count',
    unit: '{join}',
    about:
      'Attempts to join, renewals included. `denied`: the evidence, or a rule, said no. `failed` with `unavailable` or `internal` is trouble of the broker or of what it needs; with another reason the caller asked for something impossible. `probe`: denied as it must be, to the prober. The method and role are `none` where the request could not be read. `caller` is `known` where a rule names the machine, or an instance proved its key; `unavailable_to_caller` is what a caller can bring about alone, such as a token that names no key of the directory, or a question to the management API that no claim of its token chose and that was refused.',
    dimensions: {
      method: METHODS,
      role: [...systemRole.options, 'none'],
      outcome: OUTCOMES,
      reason: [...DENIAL_REASONS, ...JOIN_FAILURES, 'unavailable_to_caller', 'none'],
      caller: ['known', 'unknown'],
    },
  },
  join_milliseconds: {
    kind: 'distribution',
    unit: 'ms',
    about:
      'How long the broker took to answer an attempt to join. For percentiles ask the audit lines: each has its `duration_ms`.',
    dimensions: { method: METHODS, outcome: OUTCOMES },
  },
  audit_lines_not_written: {
    kind: 'count',
    unit: '{line}',
    about:
      'Audit lines of attempts by unknown callers that were not written, because more of them came in a minute than `JOIN_BROKER_AUDITED_STRANGERS` says. `joins` counts these attempts all the same.',
    dimensions: {},
  },
  theft_signs: {
    kind: 'count',
    unit: '{sign}',
    about:
      'Signs of theft. `secret_used`: a valid secret that had been used was used again, so somebody else may have it. `copied_identity`: an older key of an instance was used long after it was replaced, so its state directory is in two places; the instance is locked.',
    dimensions: { sign: ['secret_used', 'copied_identity'] },
  },
  second_instances: {
    kind: 'count',
    unit: '{instance}',
    about:
      'First joins of machines that have a live instance of the same bot or system role already, by the same join token. A machine that was reinstalled, or an agent that keeps nothing over a restart, does this; so does somebody else on the machine. No stranger can: only admitted joins count.',
    dimensions: { method: joinMethod.options, role: systemRole.options },
  },
  signing_key_days_left: {
    kind: 'gauge',
    unit: 'd',
    about:
      'Days until the newest key of its kind expires. Rotation makes the next key long before; a small number means that the `rotate-keys` timer does not do its work. A key without an end counts as 36,500 days.',
    dimensions: { authority: ['tls-root', 'tls-issuing', 'ssh-user', 'ssh-host', 'probe'] },
  },
  keys_amiss: {
    kind: 'gauge',
    unit: '{key}',
    about:
      'Whenever keys are read. `lost`: keys that must be there and are not, or are not genuine: an authority that nothing replaces by itself. `ignored`: rows of the table `keys` that somebody else wrote or changed; they count for nothing.',
    dimensions: { trouble: ['lost', 'ignored'] },
  },
  backups: {
    kind: 'count',
    unit: '{backup}',
    about:
      'Backups that the timer made, once a day, if `JOIN_BROKER_BACKUP_URL` says where. `failed`: the log says why; as long as keys are lost none is made.',
    dimensions: { result: ['made', 'failed'] },
  },
  revoked_certificates: {
    kind: 'count',
    unit: '{certificate}',
    about:
      'Certificates that came on the revocation lists. `lock`: a lock is on them. `removed`: their instance was removed. `gone`: their machine was made anew under its resource id.',
    dimensions: { reason: ['lock', 'removed', 'gone'] },
  },
  revocation_runs: {
    kind: 'count',
    unit: '{run}',
    about:
      'Runs that keep the revocation lists up to date: one a minute by the timer `revoke`, one after each write of a lock. `failed`: the lists are as they were, or lack a row that is malformed; the next run tries again.',
    dimensions: { result: RESULTS },
  },
  revocation_list_age_hours: {
    kind: 'gauge',
    unit: 'h',
    about:
      "Age of the newest lists, by the timer `revoke`. `issuing`: of everything that the root does not sign: made anew every hour, good for a day. `root`: the root's own list: signed anew every week, good for two.",
    dimensions: { list: ['issuing', 'root'] },
  },
  revocation_list_bytes: {
    kind: 'gauge',
    unit: 'By',
    about:
      'How long the signed answer with all lists is (`/v1/trust/revoked`), by the timer `revoke`: about 60 for each certificate that is on them. Agents take 16 MiB.',
    dimensions: {},
  },
  newest_chain_age_days: {
    kind: 'gauge',
    unit: 'd',
    about:
      "Age of the youngest certificate that signed an attested document accepted by this process. Azure renews these certificates every few months: a number that only grows means that machines with newer ones are denied (`document_chain`), maybe because Microsoft has moved to a root that the broker doesn't know.",
    dimensions: {},
  },
  azure_trust_days_left: {
    kind: 'gauge',
    unit: 'd',
    about:
      'Days until the first of them ends. `pinned`: the roots that come with the broker or stand in its settings. `added`: those that operators added (`kind: azure_root`). `newest_chain`: the authorities above the youngest signer that this process has seen. From 90 days on the log and `/readyz` warn. Measured every hour by the timer `sweep`, and by `/readyz`.',
    dimensions: { anchor: ['pinned', 'added', 'newest_chain'] },
  },
  documents_by_added_root: {
    kind: 'count',
    unit: '{document}',
    about:
      'Attested documents of good signature that only a root explains that an operator added: Azure signs with a root that this release does not have yet. Look for a newer one.',
    dimensions: {},
  },
  cache_lookups: {
    kind: 'count',
    unit: '{lookup}',
    about:
      'Look-ups in the memory of a function instance. A `miss` asked the directory, the management API or storage, or checked a certificate anew.',
    dimensions: {
      cache: ['certificates', 'directory_keys', 'keyring', 'machines', 'resources'],
      result: ['hit', 'miss'],
    },
  },
  dependency_calls: {
    kind: 'count',
    unit: '{call}',
    about:
      'Calls to what the broker needs: the directory (signing keys), the management API, table storage, and the custody of keys (Key Vault). An answer that says no, such as a row that is not there, is `ok`.',
    dimensions: { dependency: DEPENDENCIES, result: RESULTS },
  },
  dependency_milliseconds: {
    kind: 'distribution',
    unit: 'ms',
    about: 'How long these calls took, their retries included.',
    dimensions: { dependency: DEPENDENCIES, result: RESULTS },
  },
  cold_starts: {
    kind: 'count',
    unit: '{start}',
    about: 'Processes that got their first work, by what woke them.',
    dimensions: { trigger: ['http', 'timer'] },
  },
  readiness: {
    kind: 'gauge',
    unit: '1',
    about: 'What `/readyz` found: 1 if the check held, 0 if not. Checked when somebody asks.',
    dimensions: { check: ['storage', 'signing_keys'] },
  },
  probes: {
    kind: 'count',
    unit: '{probe}',
    about:
      "What the prober found. `failed`: the broker did something that it must never do, such as admitting a look-alike. `unreachable`: no answer, or 5xx. `skipped`: this probe is not possible here, such as one that needs the broker's public address.",
    dimensions: {
      probe: [
        'look_alike_chain',
        'other_nonce',
        'other_broker',
        'other_audience',
        'malformed_body',
        'trust_bundle',
        'readiness',
        'tls_authority',
        'ssh_user_authority',
        'ssh_host_authority',
      ],
      result: ['passed', 'failed', 'unreachable', 'skipped'],
    },
  },
} as const satisfies Record<string, Metric>;

export type MetricName = keyof typeof METRICS;

/** A value for each dimension of a metric, out of its closed list. */
export type Dimensions<M extends MetricName> = {
  readonly [D in keyof (typeof METRICS)[M]['dimensions']]: ValueOf<
    (typeof METRICS)[M]['dimensions'][D]
  >;
};
type ValueOf<List> = List extends readonly (infer Value extends string)[] ? Value : never;
