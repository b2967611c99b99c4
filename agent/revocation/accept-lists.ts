/** Whether revocation lists may be installed: signed under a pinned root, of this cluster, in force, and no step back. */

import { decodeBase64 } from '../../shared/encoding/base64.ts';
import { parseCrl } from '../../shared/encoding/crl.ts';
import { DerError } from '../../shared/encoding/der-decode.ts';
import { parseKrl } from '../../shared/encoding/krl.ts';
import { decodePem } from '../../shared/encoding/pem.ts';
import { SshWireError } from '../../shared/encoding/ssh-wire.ts';
import type { RevocationLists } from '../../shared/protocol/revocation.ts';
import { parseTimestamp } from '../../shared/protocol/values.ts';
import {
  isOlder,
  type KnownVersion,
  signedFrom,
  untrusted,
  verifySigned,
} from '../broker-signature.ts';
import { Failure } from '../failure.ts';
import { printable } from '../printable.ts';
import type { VerifiedTrust } from '../trust-bundle.ts';
import { saysOfCrls, saysOfKrl } from './what-lists-say.ts';

/** Lists that were verified. */
export interface AcceptedLists extends KnownVersion {
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  readonly krl: ListContent<Uint8Array>;
  /** PEM of every authority's list; `undefined` while the broker can't make one of them. */
  readonly crls: ListContent<string> | undefined;
}

export interface ListContent<T> {
  readonly content: T;
  /** The same for lists that revoke the same: times and numbers make no difference. */
  readonly says: string;
}

const SKEW_MS = 5 * 60_000;
/** As long as the root's own list. A leaked key must not make the agent refuse genuine lists for longer. */
const LONGEST_MS = 14 * 24 * 3600_000;
const LISTS = {
  name: "the broker's set of revocation lists",
  under: 'a root of its trust bundle',
};

/**
 * `trust` is the bundle that is installed, `pins` those that count. Lists in force are never followed by older ones; those that
 * are over bind nobody. Gives those that are known where an earlier signer says the same. Throws a `Failure`.
 */
export async function acceptLists(
  body: RevocationLists,
  {
    trust,
    pins,
    known,
    now,
  }: {
    readonly trust: Pick<VerifiedTrust, 'bundle' | 'roots'>;
    readonly pins: readonly string[];
    readonly known: AcceptedLists | undefined;
    readonly now: Date;
  },
): Promise<AcceptedLists> {
  const signer = await verifySigned(LISTS, body, { roots: trust.roots, pins, now });
  const from = signedFrom(signer);
  if (body.cluster !== trust.bundle.cluster) {
    const message = `it is of cluster ${printable(body.cluster)}, not of ${trust.bundle.cluster}`;
    throw untrusted(LISTS, message);
  }
  const { thisUpdate, nextUpdate } = timesOf(body, now);
  const [krl, crls] = [krlOf(body), crlsOf(body)];
  const says = `${krl.says} ${crls?.says}`;
  const version = { version: body.version, signedFrom: from, says };
  const inForce = known && known.nextUpdate > now ? known : undefined;
  if (inForce && isOlder(version, inForce)) {
    // Just after a change, one instance of the broker may know less than another: the next answer will do.
    const message =
      body.version < inForce.version
        ? `${LISTS.name} is not accepted: its version is ${body.version}, older than ${inForce.version}, which is installed`
        : `${LISTS.name} is not accepted: it is signed with an older key than the one that is installed`;
    throw new Failure('try_again', message);
  }
  // It may say it in a form that nobody can use, and must not open the way for what else that signer says.
  if (inForce && from < (inForce.signedFrom ?? from)) return inForce;
  return { ...version, thisUpdate, nextUpdate, krl, crls };
}

function timesOf({ this_update, next_update }: RevocationLists, now: Date) {
  const [thisUpdate, nextUpdate] = [parseTimestamp(this_update), parseTimestamp(next_update)];
  const clock = `this machine's clock says ${now.toISOString()}`;
  if (!thisUpdate || !nextUpdate || nextUpdate.getTime() + SKEW_MS < now.getTime())
    throw untrusted(LISTS, `it was good until ${next_update}; ${clock}`);
  if (thisUpdate.getTime() - SKEW_MS > now.getTime())
    throw untrusted(LISTS, `it is of ${this_update}; ${clock}`);
  if (nextUpdate.getTime() - SKEW_MS > now.getTime() + LONGEST_MS)
    throw untrusted(LISTS, `it claims to be good until ${next_update}, which is too long`);
  return { thisUpdate, nextUpdate };
}

/** Whatever `sshd` could not read would shut everybody out. */
function krlOf({ ssh }: RevocationLists): AcceptedLists['krl'] {
  const content = decodeBase64(ssh.krl);
  const krl = content && readable(() => parseKrl(content), SshWireError);
  if (!content || !krl) throw untrusted(LISTS, "OpenSSH's list is none that can be read");
  return { content, says: saysOfKrl(krl) };
}

function crlsOf({ tls: { crls: content } }: RevocationLists): AcceptedLists['crls'] {
  if (content === '') return undefined;
  const crls = readable(
    () => decodePem('X509 CRL', content)?.map((der) => parseCrl(der)),
    DerError,
  );
  if (!crls) throw untrusted(LISTS, 'a list of certificates is none that can be read');
  return { content, says: saysOfCrls(crls) };
}

function readable<T>(read: () => T, failure: typeof DerError | typeof SshWireError): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof failure) return undefined;
    throw error;
  }
}
