/** Allow rules of a join token (rule 3: exact matches, without case where Azure's names have none). */
import * as z from 'zod/mini';
import { foldAzureName } from '../encoding/azure-name.ts';
import { guid } from '../protocol/values.ts';

/** A name that is compared without case. Patterns of it may have wildcards. */
const azureName = (form: RegExp, expected: string) =>
  z.string().check(
    z.regex(form, expected),
    z.refine(
      (name) => foldAzureName(name) !== undefined,
      'expected letters that have one lower and one upper case at most: this name could be taken for another one',
    ),
  );

const resourceGroup = azureName(
  /^[\p{L}\p{N}._()-]{1,90}$/u,
  "expected a resource group's whole name",
);
const scaleSet = azureName(/^[\p{L}\p{N}._-]{1,64}$/u, "expected a scale set's whole name");
const vmName = azureName(
  /^(?=.*[^*?])[\p{L}\p{N}._*?-]{1,80}$/u,
  "expected a machine's name, in which * stands for any characters and ? for one, but not for all",
);
const location = z
  .string()
  .check(z.regex(/^[A-Za-z0-9]{1,64}$/, 'expected a region as Azure names it, such as westeurope'));

const managedIdentity = z.union(
  [
    guid,
    azureName(
      /^\/subscriptions\/[0-9A-Fa-f-]{36}\/resource[Gg]roups\/[^/]{1,90}\/providers\/[Mm]icrosoft\.[Mm]anagedIdentity\/userAssignedIdentities\/[^/]{1,128}$/,
      'expected a resource id',
    ),
  ],
  "expected a managed identity's client id, its principal id, or its resource id /subscriptions/…/userAssignedIdentities/<name>",
);

const tagText = (most: number) =>
  z
    .string()
    .check(
      z.minLength(1),
      z.maxLength(most),
      z.regex(/^[^\p{Cc}]*$/u, 'expected text without control characters'),
    );
const tagValues = z.union(
  [tagText(256), z.array(tagText(256)).check(z.minLength(1), z.maxLength(20))],
  "expected a tag's value, or a list of them",
);
const tags = z.record(tagText(512), tagValues).check(
  z.refine((value) => Object.keys(value).length > 0, 'expected at least one tag'),
  z.refine((value) => Object.keys(value).length <= 10, 'expected at most 10 tags'),
);

const some = <T extends z.ZodMiniType>(item: T, what: string) =>
  z.optional(
    z.array(item).check(z.minLength(1, `expected at least one ${what}`), z.maxLength(100)),
  );

/** What lies in a subscription: who has another one may name and tag things alike there. */
const OF_A_SUBSCRIPTION = {
  resource_groups: 'the groups lie in: whoever has another one may name a group alike',
  vm_names: 'the machines lie in: whoever has another one may name a machine alike',
  scale_sets: 'the scale sets lie in: whoever has another one may name a set alike',
  tags: 'the machines lie in: whoever has another one may tag a machine alike',
} as const;

const LOCAL_FIELDS = Object.keys(OF_A_SUBSCRIPTION) as (keyof typeof OF_A_SUBSCRIPTION)[];

/** One way to match: every part that a rule names must hold. A rule that restricts nothing is refused (rule 9). */
export const azureAllowRule = z
  .strictObject({
    tenant: z.optional(guid),
    subscription: z.optional(guid),
    resource_groups: some(resourceGroup, 'resource group'),
    /** Of an instance of a uniform scale set: `<set>_<number>`. */
    vm_names: some(vmName, 'machine name'),
    scale_sets: some(scaleSet, 'scale set'),
    /** Any of them is the one that the machine acts as. */
    managed_identities: some(managedIdentity, 'managed identity'),
    locations: some(location, 'location'),
    /** Every tag must be there, with this value or one of these. */
    tags: z.optional(tags),
    /** `audit` admits nobody: the join log says whom the rule would have admitted. */
    mode: z.optional(z.enum(['enforce', 'audit'])),
  })
  .check(
    z.refine(
      (rule) => rule.tenant !== undefined || rule.subscription !== undefined,
      'expected a tenant, a subscription, or both: a rule that names neither would admit every machine of Azure',
    ),
    ({ value, issues }) => {
      const field = LOCAL_FIELDS.find((name) => value[name] !== undefined);
      if (field === undefined || value.subscription !== undefined) return;
      const message = `expected the subscription that ${OF_A_SUBSCRIPTION[field]}`;
      issues.push({ code: 'custom', input: value, path: ['subscription'], message });
    },
  );
export type AzureAllowRule = z.infer<typeof azureAllowRule>;

/** What only the management API says of a machine: with `vm_binding: claims` no rule can ask for it. */
export const needsManagementApi = (rule: AzureAllowRule): boolean =>
  rule.vm_names !== undefined ||
  rule.scale_sets !== undefined ||
  rule.managed_identities !== undefined ||
  rule.locations !== undefined ||
  rule.tags !== undefined;
