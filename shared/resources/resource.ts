/** Every kind of resource: its schema, and one way to check any of them. */
import * as z from 'zod/mini';
import { type ResourceKind, resourceKind } from '../protocol/resource.ts';
import { type Parsed, parseWith } from '../protocol/schema.ts';
import { type AzureDeniedSigner, azureDeniedSigner } from './azure-denied-signer.ts';
import { type AzureRoot, azureRoot } from './azure-root.ts';
import { type Bot, bot } from './bot.ts';
import { type JoinToken, joinToken } from './join-token.ts';
import { type Lock, lock } from './lock.ts';
import { type Role, role } from './role.ts';

export interface ResourceOf {
  readonly token: JoinToken;
  readonly bot: Bot;
  readonly role: Role;
  readonly lock: Lock;
  readonly azure_root: AzureRoot;
  readonly azure_denied_signer: AzureDeniedSigner;
}
export type AnyResource = ResourceOf[ResourceKind];

export const SCHEMAS: { readonly [K in ResourceKind]: z.ZodMiniType<ResourceOf[K]> } = {
  token: joinToken,
  bot,
  role,
  lock,
  azure_root: azureRoot,
  azure_denied_signer: azureDeniedSigner,
};

const kindOnly = z.object({ kind: resourceKind });

/** Checks anything that claims to be a resource. The problem's field is a path such as `spec.azure.allow[0].tenant`. */
export function parseResource(value: unknown): Parsed<AnyResource> {
  const kind = parseWith(kindOnly, value);
  return kind.ok
    ? parseWith<AnyResource>(SCHEMAS[kind.value.kind] as z.ZodMiniType<AnyResource>, value)
    : kind;
}
