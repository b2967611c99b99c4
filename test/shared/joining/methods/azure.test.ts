/** Join method `azure`, with evidence that is good: each test changes one thing of it, or of what it is held against. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { createIssuing, createRoot } from '../../../../local/azure/certificates/authority.ts';
import { newAuthorityKey } from '../../../../local/azure/certificates/certificate-key.ts';
import { createMachineBinder } from '../../../../shared/attestation/azure/machine-binder.ts';
import type { MachineDescription } from '../../../../shared/attestation/azure/machine-directory.ts';
import { encodePem } from '../../../../shared/encoding/pem.ts';
import { type AzureParts, azureMethod } from '../../../../shared/joining/methods/azure.ts';
import type { ProvedRequest } from '../../../../shared/joining/methods/method.ts';
import { instanceIdOf, type JoinBody } from '../../../../shared/protocol/join.ts';
import type { Refusal } from '../../../../shared/refusal.ts';
import type { JoinToken } from '../../../../shared/resources/join-token.ts';
import type { Snapshot } from '../../../../shared/storage/resources.ts';
import { issuing, NOON, root, VM } from '../../attestation/azure/attested-documents.ts';
import {
  claimsOf,
  OID,
  OTHER_TENANT,
  TENANT,
  tokenOf,
} from '../../attestation/azure/directory-tokens.ts';
import {
  attested,
  base64,
  document,
  idOf,
  SUBSCRIPTION,
  trust,
} from '../../attestation/azure/evidence.ts';
import { joinToken } from '../../resources/samples.ts';

/** The first half of it is the nonce. */
const DIGEST = '0123456789abcdef'.repeat(4);
const NONCE = DIGEST.slice(0, 32);
const OTHERS = '22222222-2222-2222-2222-222222222222';
const resourceId = idOf('vm-a').toLowerCase();

const sha256 = (bytes: string | Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex');
const saying = (said: object = {}) =>
  document({ nonce: NONCE, subscriptionId: SUBSCRIPTION, ...said });
const EVIDENCE = attested(saying());

const machine: MachineDescription = {
  id: { kind: 'vm', subscription: SUBSCRIPTION, group: 'group1', vm: 'vm-a' },
  vmId: VM,
  scaleSet: undefined,
  location: 'westeurope',
  identities: [{ principalId: OID, resourceId: undefined }],
  tags: { env: 'prod' },
};

const admitting = (...allow: readonly object[]): JoinToken =>
  ({ ...joinToken, spec: { ...joinToken.spec, azure: { allow } } }) as JoinToken;
const ANY = admitting({ subscription: SUBSCRIPTION });

/** What operators say of certificates. */
const resourcesOf = (resources: {
  readonly azure_root?: readonly object[];
  readonly azure_denied_signer?: readonly object[];
}): Snapshot =>
  ({ all: (kind: keyof typeof resources) => resources[kind] ?? [] }) as unknown as Snapshot;
const rootNamed = (name: string, certificate: Uint8Array) => ({
  metadata: { name },
  spec: { certificate: encodePem('CERTIFICATE', certificate) },
});
const denying = (name: string, certificate: Uint8Array) => ({
  metadata: { name },
  spec: { sha256: sha256(certificate) },
});
const NOTHING = resourcesOf({});

function createScene(change: Partial<AzureParts> = {}, found = machine) {
  const told: Record<string, unknown>[] = [];
  const added: string[] = [];
  let asked = 0;
  const directory = {
    read: async () => {
      asked += 1;
      return found;
    },
    findInSet: async () => undefined,
    findInSubscription: async () => found,
  };
  const method = azureMethod({
    trust: trust(),
    tenants: [TENANT],
    binder: createMachineBinder(directory, () => NOON),
    onAddedRoot: ({ name }) => added.push(name),
    now: () => NOON,
    ...change,
  });
  const report = (fact: object): void => void told.push({ ...fact });
  const examine = (azure: object | undefined = EVIDENCE, proved: Partial<ProvedRequest> = {}) => {
    const join = { digest: DIGEST, at: NOON, joinToken: ANY, resources: NOTHING, ...proved };
    return method.examine({ azure } as JoinBody, join as ProvedRequest, report);
  };
  const prove = (token = ANY, kept?: Parameters<typeof method.prove>[2], shown = EVIDENCE) =>
    method.prove(examine(shown, { joinToken: token }), token, kept, report);
  /** All that was told, the newest word of each. */
  const all = () => Object.assign({}, ...told) as object;
  return { method, told, added, report, examine, prove, all, asked: () => asked };
}

const refusalOf = (run: () => unknown): Refusal => {
  try {
    run();
  } catch (error) {
    return error as Refusal;
  }
  throw new Error('nothing was refused');
};

test('evidence counts for five minutes, and for a minute more each way', () => {
  const { method } = createScene();
  expect(method.freshSeconds).toBe(7 * 60);
  expect(method.firstInstanceId({ digest: DIGEST } as ProvedRequest)).toBe(instanceIdOf(DIGEST));
  expect(method).toMatchObject({
    usedReason: 'request_used',
    provesLocally: true,
    joinsOften: true,
  });
});

describe('examines', () => {
  test('nothing where there is no evidence', () => {
    const { method, report } = createScene();
    const run = () => method.examine({} as JoinBody, {} as ProvedRequest, report);
    expect(refusalOf(run)).toMatchObject({
      code: 'bad_request',
      field: 'azure',
      message: 'expected the evidence of join method azure',
    });
  });

  test('the document of this request, and tells of it', () => {
    const { method, examine, told } = createScene();
    const examined = examine();
    expect(method.machineOf(examined)).toBe(VM);
    expect(told).toEqual([
      { access_token_sha256: sha256(EVIDENCE.access_token) },
      {
        vm_id: VM,
        subscription: SUBSCRIPTION,
        document_signer: sha256(examined.document.path[0]?.der ?? ''),
      },
    ]);
  });

  test('no document of another request, or of another time', () => {
    const { examine } = createScene();
    const other = { digest: `f${DIGEST.slice(1)}` };
    expect(refusalOf(() => examine(EVIDENCE, other))).toMatchObject({ reason: 'document_nonce' });
    const at = new Date(NOON.getTime() + 3_600_000);
    expect(refusalOf(() => examine(EVIDENCE, { at }))).toMatchObject({ reason: 'document_times' });
  });

  test('tells of the machine that it says it is', () => {
    const { examine, told } = createScene();
    examine({ ...EVIDENCE, resource_id: idOf('VM-B') });
    expect(told.at(-1)).toEqual({ claimed_resource_id: idOf('vm-b').toLowerCase() });
  });

  describe('claims before any signature, where the join token is known', () => {
    const stranger = createRoot('Root', newAuthorityKey(), NOON);
    const forged = { trust: trust({ roots: [stranger.certificate] }) };
    const claimed = { claimed_vm_id: VM, claimed_subscription: SUBSCRIPTION };

    test('and denies whom no rule admits by its subscription', () => {
      const { examine, told } = createScene(forged);
      const token = admitting({ subscription: OTHERS });
      expect(refusalOf(() => examine(EVIDENCE, { joinToken: token }))).toMatchObject({
        reason: 'rule_mismatch',
        message: expect.stringMatching(
          /^no rule of join token example-bot admits this machine: rule 1/,
        ),
      });
      expect(told.at(-1)).toEqual(claimed);
    });

    test('and denies whom none admits by the group that it names', () => {
      const { examine, told } = createScene(forged);
      const token = admitting({ subscription: SUBSCRIPTION, resource_groups: ['group2'] });
      expect(refusalOf(() => examine(EVIDENCE, { joinToken: token }))).toMatchObject({
        reason: 'rule_mismatch',
      });
      expect(told.at(-1)).toEqual({ ...claimed, claimed_resource_id: resourceId });
    });

    test('and tells what one claimed whose token can not be read', () => {
      const { examine, told } = createScene(forged);
      expect(refusalOf(() => examine({ ...EVIDENCE, access_token: 'x' }))).toMatchObject({
        reason: 'access_token_malformed',
      });
      expect(told.at(-1)).toEqual(claimed);
    });

    test('and tells of no subscription where there is none', () => {
      const { examine, told } = createScene(forged);
      const bare = attested(saying({ subscriptionId: undefined }));
      const token = admitting({ subscription: SUBSCRIPTION, resource_groups: ['group2'] });
      expect(() => examine(bare, { joinToken: token })).toThrow();
      expect(told.at(-1)).not.toHaveProperty('claimed_subscription');
    });

    test('and looks at the signature of whoever might be admitted, or where no join token is known', () => {
      const { examine } = createScene(forged);
      for (const known of [ANY, undefined])
        expect(refusalOf(() => examine(EVIDENCE, { joinToken: known }))).toMatchObject({
          reason: 'document_chain',
        });
      const token = admitting({ subscription: OTHERS });
      const { examine: good } = createScene();
      expect(good(EVIDENCE, { joinToken: undefined })).toBeDefined();
      expect(() => good(EVIDENCE, { joinToken: token })).toThrow();
    });
  });
});

describe('a root that operators added', () => {
  const elsewhere = createRoot('Other', newAuthorityKey(), NOON);
  const notPinned = { trust: trust({ roots: [elsewhere.certificate] }) };
  const withRoot = resourcesOf({
    azure_root: [rootNamed('other', elsewhere.certificate), rootNamed('ours', root.certificate)],
  });

  test('is told, where it alone explains a document', () => {
    const { method, examine, added, told } = createScene(notPinned);
    const examined = examine(EVIDENCE, { resources: withRoot });
    expect(added).toEqual(['ours']);
    expect(told.at(-1)).toEqual({ azure_root: 'ours' });
    expect(() => method.checkTrusted(examined, withRoot, NOON)).not.toThrow();
  });

  test('is not told where a pinned one explains it', () => {
    const { examine, added, told } = createScene();
    examine(EVIDENCE, { resources: withRoot });
    expect(added).toEqual([]);
    expect(told).not.toContainEqual(expect.objectContaining({ azure_root: expect.anything() }));
  });

  test('counts for nothing where resources are not known, or once it is gone or over', () => {
    const { method, examine } = createScene(notPinned);
    expect(refusalOf(() => examine(EVIDENCE, { resources: undefined }))).toMatchObject({
      reason: 'document_chain',
    });
    const examined = examine(EVIDENCE, { resources: withRoot });
    expect(refusalOf(() => method.checkTrusted(examined, NOTHING, NOON))).toMatchObject({
      code: 'access_denied',
      reason: 'document_chain',
      message: "the document's signer is not trusted: the root that was added for it is gone",
    });
    const ending = {
      ...rootNamed('ours', root.certificate),
      metadata: { name: 'ours', expires: '2026-11-20T12:00:00Z' },
    };
    const over = resourcesOf({ azure_root: [ending] });
    expect(() => method.checkTrusted(examined, over, NOON)).toThrow('is gone');
    expect(() => examine(EVIDENCE, { resources: over })).toThrow('is not trusted');
  });
});

describe('a signer that operators deny', () => {
  test.each([
    ['a root', root.certificate],
    ['an issuer', issuing.certificate],
  ])('is told by the name of what denies it: %s', (_, certificate) => {
    const { method, examine } = createScene();
    const denied = resourcesOf({
      azure_denied_signer: [denying('other', Buffer.of(1)), denying('this', certificate)],
    });
    const examined = examine();
    expect(() => method.checkTrusted(examined, NOTHING, NOON)).not.toThrow();
    expect(refusalOf(() => method.checkTrusted(examined, denied, NOON))).toMatchObject({
      reason: 'document_signer_denied',
      message:
        'azure_denied_signer this denies a certificate that the document rests on, or its key',
      about: { denied_signer: 'this' },
    });
  });

  test.each([0, 1])('is avoided where another path leads to a root: %i', (which) => {
    const second = createRoot('Second', newAuthorityKey(), NOON);
    const again = createIssuing('Issuing', issuing.key, second, NOON);
    const both = [issuing.certificate, again.certificate];
    const { method, examine } = createScene({
      trust: trust({ roots: [root.certificate, second.certificate] }),
    });
    const denied = resourcesOf({
      azure_denied_signer: [denying('this', both[which] ?? Buffer.of())],
    });
    const shown = { ...EVIDENCE, intermediates: both.map(base64) };
    const examined = examine(shown, { resources: denied });
    expect(() => method.checkTrusted(examined, denied, NOON)).not.toThrow();
  });
});

describe('a rule that could match', () => {
  const check = (token: JoinToken) => {
    const { method, examine, report, told } = createScene();
    const examined = examine(EVIDENCE, { joinToken: undefined });
    method.checkCouldMatch(examined, token, report);
    return told.slice(2);
  };

  test('makes a machine known where it is for its whole subscription', () => {
    expect(check(ANY)).toEqual([{ known: true }]);
    expect(check(admitting({ subscription: OTHERS }, { subscription: SUBSCRIPTION }))).toEqual([
      { known: true },
    ]);
    expect(check(admitting({ subscription: SUBSCRIPTION, mode: 'audit' }))).toEqual([
      { known: true },
    ]);
  });

  test.each<[string, object]>([
    ['more than a subscription', { subscription: SUBSCRIPTION, resource_groups: ['group1'] }],
    ['a tenant', { tenant: TENANT }],
    ['a tenant and a subscription', { tenant: TENANT, subscription: SUBSCRIPTION }],
  ])('does not yet where it names %s', (_, rule) => {
    expect(check(admitting(rule))).toEqual([]);
  });

  test('does not make one known beside another rule that is for all of another subscription', () => {
    const group = { subscription: SUBSCRIPTION, resource_groups: ['group1'] };
    expect(check(admitting({ subscription: OTHERS }, group))).toEqual([]);
  });

  test('there has to be', () => {
    expect(refusalOf(() => check(admitting({ subscription: OTHERS })))).toMatchObject({
      reason: 'rule_mismatch',
    });
  });
});

test('a row may be of the machine that was examined, by its vmId', () => {
  const { method, examine } = createScene();
  const examined = examine();
  expect(method.mayBe(examined, { method: 'azure', vmId: VM })).toBe(true);
  expect(method.mayBe(examined, { method: 'azure', vmId: OTHERS })).toBe(false);
  expect(method.mayBe(examined, { method: 'iam', vmId: VM })).toBe(false);
});

describe('proves', () => {
  test('which machine it is, and tells as it becomes known', async () => {
    const { prove, told, all } = createScene();
    const withId = {
      ...EVIDENCE,
      access_token: tokenOf(JSON.stringify(claimsOf({ xms_mirid: idOf('vm-a'), uti: 'its-id' }))),
    };
    expect(await prove(ANY, undefined, withId)).toMatchObject({
      method: 'azure',
      verified: NOON.getTime() / 1000,
      vmId: VM,
      resourceId,
      oid: OID,
      binding: 'strict',
    });
    expect(told.slice(2)).toEqual([
      { tenant: TENANT, identity: OID, access_token_uti: 'its-id' },
      { claimed_resource_id: resourceId },
      { known: true },
      { resource_id: resourceId, claimed_resource_id: undefined, vm_binding: 'strict' },
    ]);
    expect(all()).toMatchObject({ claimed_resource_id: undefined });
  });

  test('tells of no id of a token that has none, and of no machine that is not claimed', async () => {
    const { prove, told } = createScene();
    const access_token = tokenOf(JSON.stringify(claimsOf()));
    await prove(ANY, undefined, { ...EVIDENCE, access_token });
    expect(told.slice(2)).toStrictEqual([
      { tenant: TENANT, identity: OID },
      { known: true },
      { resource_id: resourceId, claimed_resource_id: undefined, vm_binding: 'strict' },
    ]);
  });

  test.each<[string, readonly string[], JoinToken, boolean]>([
    ['a tenant of the settings', [TENANT], ANY, true],
    ['a tenant of a rule', [], admitting({ subscription: SUBSCRIPTION }, { tenant: TENANT }), true],
    ['no other tenant', [OTHER_TENANT], admitting({ subscription: SUBSCRIPTION }), false],
  ])('itself with a token of %s', async (_, tenants, token, ok) => {
    const proved = createScene({ tenants }).prove(token);
    if (ok) expect(await proved).toMatchObject({ tenant: TENANT });
    else await expect(proved).rejects.toMatchObject({ reason: 'access_token_tenant' });
  });

  test('itself with a token of now', async () => {
    const late = createScene({ now: () => new Date(NOON.getTime() + 2 * 3_600_000) });
    await expect(late.prove()).rejects.toMatchObject({ reason: 'access_token_times' });
  });

  test.each<[string, object]>([
    ['tenant', { tenant: OTHER_TENANT, subscription: SUBSCRIPTION }],
    ['subscription', { subscription: OTHERS }],
    ['group', { subscription: SUBSCRIPTION, resource_groups: ['group2'] }],
  ])('nothing of a machine of another %s: nobody is asked', async (_, rule) => {
    const { method, examine, report, asked, told } = createScene();
    const examined = examine(EVIDENCE, { joinToken: undefined });
    await expect(method.prove(examined, admitting(rule), undefined, report)).rejects.toMatchObject({
      reason: 'rule_mismatch',
    });
    expect(asked()).toBe(0);
    expect(told).not.toContainEqual({ known: true });
  });

  test('by claims alone, where the join token says so', async () => {
    const { prove, asked, all } = createScene();
    const claims = {
      ...ANY,
      spec: {
        ...ANY.spec,
        azure: { vm_binding: 'claims', allow: [{ subscription: SUBSCRIPTION }] },
      },
    } as JoinToken;
    expect(await prove(claims)).toMatchObject({ binding: 'claims' });
    expect(all()).toMatchObject({ vm_binding: 'claims' });
    expect(asked()).toBe(0);
  });

  test('by its row, where it was bound lately, and by no row of another method', async () => {
    const first = createScene();
    const kept = await first.prove();
    const renewing = createScene();
    expect(await renewing.prove(ANY, { ...kept, verified: kept.verified - 60 })).toMatchObject({
      verified: kept.verified - 60,
    });
    expect(renewing.asked()).toBe(0);
    const other = createScene();
    await other.prove(ANY, { ...kept, method: 'iam' });
    expect(other.asked()).toBe(1);
  });

  test('when it was bound, in whole seconds', async () => {
    const binder = {
      bind: async () => ({
        machine: { resourceId } as never,
        verified: new Date(NOON.getTime() + 999),
      }),
    };
    expect(await createScene({ binder }).prove()).toMatchObject({
      verified: NOON.getTime() / 1000,
    });
  });
});

describe('decides', () => {
  const decide = async (token: JoinToken, found = machine, proved = ANY) => {
    const { method, prove, report, told } = createScene({}, found);
    const facts = await prove(proved);
    const before = told.length;
    method.decide(facts, token, report);
    return told.slice(before);
  };

  test('by the first rule that admits, which is told', async () => {
    expect(
      await decide(admitting({ subscription: OTHERS }, { subscription: SUBSCRIPTION })),
    ).toEqual([{ rule: 'azure.allow[1]' }]);
  });

  test('and tells which rules in audit mode would admit', async () => {
    const audit = { subscription: SUBSCRIPTION, mode: 'audit' };
    expect(await decide(admitting(audit, { subscription: SUBSCRIPTION }))).toEqual([
      { audit_rules: [1] },
      { rule: 'azure.allow[1]' },
    ]);
    const { method, prove, report, told } = createScene();
    const facts = await prove();
    expect(() => method.decide(facts, admitting(audit), report)).toThrow('no rule');
    expect(told.at(-1)).toEqual({ audit_rules: [1] });
  });

  const client = '33333333-3333-3333-3333-333333333333';
  const identityId = `/subscriptions/${SUBSCRIPTION}/resourcegroups/ids/providers/microsoft.managedidentity/userassignedidentities/one`;
  const withIdentity = {
    ...machine,
    identities: [{ principalId: OID, clientId: client, resourceId: identityId }],
  };
  const proving = createScene({}, withIdentity);
  test.each<[string, object, object]>([
    ['tenant', { tenant: TENANT }, { tenant: OTHER_TENANT }],
    ['group', { resource_groups: ['group1'] }, { resource_groups: ['group2'] }],
    ['name', { vm_names: ['vm-a'] }, { vm_names: ['vm-b'] }],
    ['region', { locations: ['westeurope'] }, { locations: ['eastus'] }],
    ['tags', { tags: { env: 'prod' } }, { tags: { env: 'test' } }],
    ["identity's object id", { managed_identities: [OID] }, { managed_identities: [OTHERS] }],
    ["identity's client id", { managed_identities: [client] }, { managed_identities: [OTHERS] }],
    ['identity', { managed_identities: [identityId] }, { managed_identities: [OTHERS] }],
  ])('by its %s', async (_, fits, differs) => {
    const access_token = tokenOf(JSON.stringify(claimsOf()));
    const facts = await proving.prove(ANY, undefined, { ...EVIDENCE, access_token });
    const by = (rule: object) => () =>
      proving.method.decide(
        facts,
        admitting({ subscription: SUBSCRIPTION, ...rule }),
        proving.report,
      );
    expect(by(fits)).not.toThrow();
    expect(refusalOf(by(differs))).toMatchObject({ reason: 'rule_mismatch' });
  });

  test('that a machine of no scale set is of none', async () => {
    await expect(
      decide(admitting({ subscription: SUBSCRIPTION, scale_sets: ['set'] })),
    ).rejects.toThrow('rule 1: scale set (none) is not in [`set`]');
  });

  test('that a machine of another identity is of none that is named', async () => {
    await expect(
      decide(admitting({ subscription: SUBSCRIPTION, managed_identities: [OTHERS] })),
    ).rejects.toThrow(`rule 1: managed identity \`${OID}\` is not in [\`${OTHERS}\`]`);
  });

  test('by no tags where the management API said none', async () => {
    const facts = { ...(await createScene().prove()), tags: undefined };
    const { method, report } = createScene();
    const tagged = admitting({ subscription: SUBSCRIPTION, tags: { env: 'prod' } });
    expect(refusalOf(() => method.decide(facts, tagged, report))).toMatchObject({
      reason: 'rule_mismatch',
    });
  });

  test('by nothing that the management API says, where it was not asked', async () => {
    const facts = { ...(await createScene().prove()), binding: 'claims' as const };
    const { method, report } = createScene();
    for (const rule of [{ vm_names: ['vm-a'] }, { tags: { env: 'prod' } }])
      expect(
        refusalOf(() =>
          method.decide(facts, admitting({ subscription: SUBSCRIPTION, ...rule }), report),
        ),
      ).toMatchObject({ reason: 'rule_mismatch' });
    const known = { tenant: TENANT, subscription: SUBSCRIPTION, resource_groups: ['group1'] };
    expect(() => method.decide(facts, admitting(known), report)).not.toThrow();
  });

  test.each([
    [8, /rule 8: [^;]*\]$/],
    [9, /rule 8: [^;]*; and 1 rules more$/],
  ])('and tells what stood in the way of eight rules: of %i', async (count, words) => {
    const rules = Array.from({ length: count }, () => ({ subscription: OTHERS }));
    await expect(decide(admitting(...rules))).rejects.toMatchObject({
      code: 'access_denied',
      reason: 'rule_mismatch',
      message: expect.stringMatching(words),
    });
  });
});

describe('the machine', () => {
  test('is locked by its vmId or its identity', async () => {
    const { method, prove } = createScene();
    expect(method.lockTargets(await prove())).toEqual({ machine: VM, identity: OID });
  });

  test('is called by its resource id, or by claims alone by its vmId, and names can be made of it', async () => {
    const { method, prove } = createScene();
    const facts = await prove();
    expect(method.hostOf(facts, 'instance')).toEqual({
      machine: `azure:${TENANT}:${resourceId}`,
      incarnation: VM,
      facts: {
        vm_name: 'vm-a',
        resource_group: 'group1',
        subscription: SUBSCRIPTION,
        location: 'westeurope',
        scale_set: undefined,
        instance_id: undefined,
      },
    });
    expect(method.hostOf({ ...facts, binding: 'claims' }, 'instance').machine).toBe(
      `azure:${TENANT}:${VM}`,
    );
  });

  test('of a uniform scale set has a number there, and no name of its own', async () => {
    const { method, prove } = createScene();
    const facts = { ...(await prove()), scaleSet: 'set-a', instanceNumber: '7' };
    expect(method.hostOf(facts, 'instance').facts).toMatchObject({
      vm_name: undefined,
      scale_set: 'set-a',
      instance_id: '7',
    });
  });
});
