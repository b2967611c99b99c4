/** Descriptions of keys for pure functions, in seconds from a beginning of their own. */
import type {
  KeyDescription,
  KeyOwner,
  KeyPurpose,
} from '../../../shared/authority/signing-key.ts';

/** `tls/root` and the like. It lives from 0 to 1,000, unless said otherwise. */
export function described(
  name: string,
  sequence: number,
  more: Partial<KeyDescription> = {},
): KeyDescription {
  const [owner, purpose] = name.split('/') as [KeyOwner, KeyPurpose];
  const { created = 0 } = more;
  return {
    owner,
    purpose,
    sequence,
    publicKey: Buffer.of(),
    certificate: Buffer.of(),
    created,
    starts: created,
    expires: 1000,
    ...more,
  };
}
