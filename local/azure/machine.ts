/** A machine, virtual machine or scale-set instance alike: what it is, the evidence that it can give, and its IMDS. */
import type { AzureEvidence } from '../../shared/protocol/evidence.ts';
import type { SigningChain } from './certificates/signing-chain.ts';
import type { AccessTokenOptions, TokenIssuer } from './evidence/access-token.ts';
import type { AttestedDocument, DocumentOptions } from './evidence/attested-document.ts';
import type {
  IdentityHolder,
  ManagedIdentity,
  UserAssignedIdentity,
  UserAssignedIdentityOptions,
} from './identities.ts';
import type { FaultSwitch } from './services/faults.ts';

/** What a machine says of the subscription that it lies in. */
export interface MachineSubscription {
  readonly id: string;
  readonly tenant: TokenIssuer;
  /** Makes an identity that the machine can be given. */
  userAssignedIdentity(name: string, options: UserAssignedIdentityOptions): UserAssignedIdentity;
}

/** What a machine says of its scale set. */
export interface MachineScaleSet {
  readonly name: string;
  readonly resourceId: string;
}

interface MachineTokenOptions extends AccessTokenOptions {
  /** Whose token; by default the one that IMDS would pick. It need not be one of the machine's. */
  readonly identity?: ManagedIdentity;
}

export interface EvidenceOptions {
  readonly nonce?: string;
  readonly document?: DocumentOptions;
  /** Who signs the document; its intermediates come along. */
  readonly chain?: SigningChain;
  /** Options of the machine's own token, or any token at all. */
  readonly token?: MachineTokenOptions | string;
  /** DER, in place of the chain's. */
  readonly intermediates?: readonly Uint8Array[];
  /** The hint, in place of the machine's resource id; `null` leaves it out. */
  readonly resourceId?: string | null;
}

/** What the machine's IMDS bends in everything that it hands out. */
export interface ServedBends {
  readonly document?: DocumentOptions;
  readonly token?: MachineTokenOptions;
}

export interface Machine {
  readonly name: string;
  readonly vmId: string;
  /** As IMDS writes it. */
  readonly resourceId: string;
  readonly resourceGroup: string;
  readonly location: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly tenant: TokenIssuer;
  readonly subscription: MachineSubscription;
  readonly scaleSet: MachineScaleSet | undefined;
  /** A uniform set's instances carry the set's. */
  readonly identities: IdentityHolder;
  readonly removed: boolean;

  attestedDocument(options?: DocumentOptions): AttestedDocument;
  accessToken(options?: MachineTokenOptions): string;
  /** Document, token, intermediates and resource id: what the machine sends to the broker. */
  evidence(options?: EvidenceOptions): AzureEvidence;
  /** DER of the issuing certificates that the machine would download. */
  readonly intermediates: readonly Uint8Array[];

  /** The machine's IMDS. */
  imds(request: Request): Promise<Response>;
  /** `fetch` as the machine has it: IMDS at its well-known address, and the cloud's services. */
  readonly fetch: typeof fetch;
  /** Faults of the machine's IMDS. */
  readonly faults: FaultSwitch;
  readonly served: ServedBends;
  /** Bends what IMDS hands out from now on; `{}` ends it. */
  serve(bends: ServedBends): void;

  /** Deletes the machine: the management API forgets it, and its IMDS is gone. */
  remove(): void;
}
