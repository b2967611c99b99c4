/**
 * Resource files as real people write them, read as `joinctl create -f` reads them and checked as the broker checks them.
 * They lie beside the repository (see test/beside.ts).
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { readDocuments } from '../../admin/documents.ts';
import { Failure } from '../../admin/failure.ts';
import { ended } from '../../admin/printable.ts';
import { parseResource } from '../../shared/resources/resource.ts';
import { beside } from '../beside.ts';

const { here, folder: FILES, names } = beside('cases/resources/');

interface Read {
  /** What the broker would store. */
  readonly resources: readonly unknown[];
  /** What is left out, with a word. */
  readonly notices: readonly string[];
}

/** Gives the one sentence of a refusal instead. */
function read(name: string): Read | string {
  try {
    const documents = readDocuments(readFileSync(new URL(name, FILES), 'utf8'), name);
    const resources: unknown[] = [];
    for (const { resource, locate } of documents) {
      const parsed = parseResource(resource);
      if (!parsed.ok) {
        const { field, message } = parsed.problem;
        return ended(`${locate(field)}: ${field}: ${message}`);
      }
      resources.push(parsed.value);
    }
    return { resources, notices: documents.flatMap(({ notices }) => notices) };
  } catch (error) {
    if (error instanceof Failure) return error.message;
    throw error;
  }
}

const token = (spec: object, metadata: object = {}): object => ({
  kind: 'token',
  metadata,
  spec,
});

const ACCEPTED: Readonly<Record<string, { readonly stored: object; readonly notices?: string[] }>> =
  {
    '03-deny-empty.yaml': {
      stored: { version: 'v5', spec: { allow: {}, options: {} } },
      notices: ['03-deny-empty.yaml:4:19: spec.deny: left out: it means nothing here.'],
    },
    '04-description-labels.yaml': {
      stored: {
        metadata: { name: 'labelled', description: 'nightly job', labels: { env: 'prod' } },
      },
    },
    '05-token-labels.yaml': {
      stored: { metadata: { description: 'vms of group1', labels: { env: 'prod' } } },
    },
    '08-status.yaml': {
      stored: token({}, { expires: '3000-01-01T00:00:00Z' }),
      notices: ['08-status.yaml:9:1: status: left out: it means nothing here.'],
    },
    '09-app-node.yaml': { stored: token({ roles: ['App', 'Node'] }) },
    '10-expires-offset.yaml': { stored: token({}, { expires: '2026-12-31T23:00:00Z' }) },
    '12-expires-unquoted.yaml': { stored: token({}, { expires: '3000-01-01T00:00:00Z' }) },
    '13-lower-roles.yaml': { stored: token({ roles: ['Bot'] }) },
    '14-rg-dot.yaml': {
      stored: token({
        azure: {
          allow: [{ resource_groups: ['RG-Prod.eu_(1)', 'MC_rg_cluster_westeurope', 'группа'] }],
        },
      }),
    },
    '19-bot-max-session.yaml': { stored: { spec: { max_session_ttl: '12h' } } },
    '28-json.json': { stored: { metadata: { name: 'from-json' } } },
    '31-rules-verbs-star.yaml': {
      stored: { spec: { allow: { rules: [{ resources: ['*'], verbs: ['*'] }] } } },
    },
  };

const REFUSED: Readonly<Record<string, string>> = {
  '01-bot-no-version.yaml': '1:1: version: missing; expected v3, v4, v5, v6, v7, v8.',
  '06-rfd-names.yaml':
    '8:9: spec.azure.allow[0].azure_subscription: unknown field; did you mean subscription?',
  '07-allows.yaml': '9:5: spec.azure.allows: unknown field; did you mean allow?',
  '11-expires-date.yaml':
    '3:32: metadata.expires: expected a time in UTC such as 2026-11-20T19:05:00Z.',
  '15-rg-glob.yaml':
    "8:90: spec.azure.allow[0].resource_groups[0]: expected a resource group's whole name.",
  '16-rg-string.yaml': '8:72: spec.azure.allow[0].resource_groups: expected a list, got text.',
  '17-rg-empty.yaml':
    '8:72: spec.azure.allow[0].resource_groups: expected at least one resource group.',
  '20-kube-role.yaml':
    '6:5: spec.allow.kubernetes_groups: expected nothing here: no certificate of this broker could enforce it.',
  '21-node-labels.yaml':
    '7:5: spec.allow.node_labels: expected {"*": "*"}: nothing here could enforce narrower node labels.',
  '22-logins-external.yaml':
    "6:14: spec.allow.logins[0]: expected {{internal.logins}} (the bot's trait logins), which is the only template there is.",
  '23-user.yaml':
    '1:1: kind: expected one of token, bot, role, lock, azure_root, azure_denied_signer.',
  '25-lock-user.yaml':
    '6:12: spec.target.user: unknown field; there are bot, instance, join_token, machine, identity, aws_arn.',
  '26-github-token.yaml':
    '6:3: spec.join_method: expected one of the join methods azure, iam, token.',
  '27-azure-top-allow.yaml': '9:3: spec.allow: unknown field; it belongs into spec.azure.',
  '29-tabs.yaml': '4:1: tabs can not indent; use spaces.',
  '30-dup.yaml': '6:3: this field is given twice.',
};

test.skipIf(!here)('the files are there', () => {
  const expected = [...Object.keys(ACCEPTED), ...Object.keys(REFUSED)].toSorted();
  expect(names).toEqual(expected);
});

describe.skipIf(!here)('is accepted:', () => {
  test.each(Object.entries(ACCEPTED))('%s', (name, { stored, notices = [] }) => {
    expect(read(name)).toMatchObject({ resources: [stored], notices });
  });
});

describe.skipIf(!here)('is refused, with the place and what to write instead:', () => {
  test.each(Object.entries(REFUSED))('%s', (name, sentence) => {
    expect(read(name)).toBe(`${name}:${sentence}`);
  });
});
