/** What is checked when an operator says who may sign attested documents, and who may not. */
import { checkNewRoot, trustedRoots } from '../attestation/azure/new-root.ts';
import type { ResourceWarning } from '../protocol/resource.ts';
import { badInput } from '../refusal.ts';
import type { AzureDeniedSigner } from '../resources/azure-denied-signer.ts';
import type { AzureRoot } from '../resources/azure-root.ts';
import { addedRootsOf } from '../resources/document-anchors.ts';
import { fingerprintOfDer } from '../resources/fingerprint.ts';
import type { AnyResource } from '../resources/resource.ts';
import type { Resources } from '../storage/resources.ts';

/** Every verification looks through them. Two operators at once may make one more. */
const MOST = { azure_root: 20, azure_denied_signer: 200 } as const;

/** Throws `bad_request`. Answers warnings of what is allowed, and may not be as it was meant. */
export async function checkDocumentAnchor(
  wanted: AnyResource,
  resources: Pick<Resources, 'list'>,
  pinned: readonly Uint8Array[],
  at: Date,
): Promise<ResourceWarning[]> {
  if (wanted.kind !== 'azure_root' && wanted.kind !== 'azure_denied_signer') return [];
  const { items } = await resources.list(wanted.kind, undefined, Number.POSITIVE_INFINITY);
  const others = items
    .map(({ resource }) => resource)
    .filter(({ metadata }) => metadata.name !== wanted.metadata.name);
  const most = MOST[wanted.kind];
  if (others.length >= most)
    throw badInput({
      field: 'kind',
      message: `expected at most ${most} of ${wanted.kind}: remove one first`,
    });
  return wanted.kind === 'azure_root'
    ? checkRoot(wanted, others as readonly AzureRoot[], pinned, at)
    : checkDenied(wanted, others as readonly AzureDeniedSigner[], pinned);
}

function checkRoot(
  { spec }: AzureRoot,
  others: readonly AzureRoot[],
  pinned: readonly Uint8Array[],
  at: Date,
): ResourceWarning[] {
  const field = 'spec.certificate';
  const added = addedRootsOf(others).map(({ name, certificate }) => ({
    shown: `azure_root ${name}`,
    certificate,
  }));
  const trusted = [...trustedRoots(pinned, 'a pinned root'), ...added];
  const checked = checkNewRoot(spec.certificate, trusted, at);
  if (!checked.ok) throw badInput({ field, message: checked.problem });
  const { same } = checked;
  if (!same) return [];
  return [{ field, message: `it changes nothing: ${same.shown} is the same certificate` }];
}

function checkDenied(
  { spec }: AzureDeniedSigner,
  others: readonly AzureDeniedSigner[],
  pinned: readonly Uint8Array[],
): ResourceWarning[] {
  const { sha256, public_key_sha256: key } = spec;
  const field = sha256 === undefined ? 'spec.public_key_sha256' : 'spec.sha256';
  const same = others.find(
    (other) => other.spec.sha256 === sha256 && other.spec.public_key_sha256 === key,
  );
  const what = sha256 === undefined ? 'key' : 'certificate';
  const roots = trustedRoots(pinned, 'a pinned root').map(({ certificate }) => certificate);
  return [
    ...(same
      ? [{ field, message: `azure_denied_signer ${same.metadata.name} denies the same ${what}` }]
      : []),
    ...(roots.some(
      (root) =>
        fingerprintOfDer(sha256 === undefined ? root.publicKeyInfo : root.der) === (sha256 ?? key),
    )
      ? [
          {
            field,
            message: `it is ${sha256 === undefined ? 'the key of ' : ''}a pinned root: nothing under it is admitted any more`,
          },
        ]
      : []),
  ];
}
