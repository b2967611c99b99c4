/** A joiner written from the protocol: makes a valid join of a machine, any part of which a test can change. */
import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomUUID,
  sign,
} from 'node:crypto';
import type { EvidenceOptions, Machine } from '../../local/azure/machine.ts';
import {
  bitString,
  explicit,
  nullValue,
  oid,
  sequence,
  smallInteger,
} from '../../shared/encoding/der-encode.ts';
import { OID } from '../../shared/encoding/oids.ts';
import { decodePem, encodePem } from '../../shared/encoding/pem.ts';
import type { JoinAnswer } from '../../shared/protocol/join.ts';
import type { Answer, Api } from './test-broker.ts';

export interface JoinOptions {
  /** Name of the join token; `example-bot` by default. */
  readonly token?: string;
  /** The attempt whose instance renews itself, with its generation and key. */
  readonly renews?: Attempt;
  /** Another instance, or another generation of it, than that attempt's. */
  readonly instance?: Readonly<Record<string, unknown>>;
  /** The key of the first certificate: the instance key. */
  readonly key?: KeyObject;
  /** Signs the proof, in place of the right key. */
  readonly proofKey?: KeyObject;
  /** Members of the request, in place of the right ones. */
  readonly request?: Readonly<Record<string, unknown>>;
  /** Members of the first certificate's wish. */
  readonly wish?: Readonly<Record<string, unknown>>;
  readonly evidence?: EvidenceOptions;
  /** Changes the request's text after all proof was made over it. */
  readonly changedRequest?: (text: string) => string;
  /** Changes the body before it is sent. */
  readonly changedBody?: (body: Record<string, unknown>) => unknown;
}

export interface Attempt extends Answer {
  /** The body that was sent. */
  readonly sent: unknown;
  readonly key: KeyObject;
}

export const newKey = (): KeyObject =>
  generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;

/** Joins, or renews, as `joinbot` does. */
export async function join(
  api: Api,
  machine: Machine,
  options: JoinOptions = {},
): Promise<Attempt> {
  const key = options.key ?? newKey();
  const body = await makeJoin(api, machine, { ...options, key });
  return { ...(await api.request('POST', '/v1/join', { body })), sent: body, key };
}

/** The cluster name of the tests' broker. */
export const CLUSTER = 'test.example.org';

/** The body of a join, not sent yet. */
export async function makeJoin(
  _api: Api,
  machine: Machine,
  options: JoinOptions = {},
): Promise<unknown> {
  const key = options.key ?? newKey();
  const instance = { ...instanceOf(options.renews), ...options.instance };
  const request = JSON.stringify({
    broker: CLUSTER,
    id: randomUUID(),
    token: options.token ?? 'example-bot',
    join_method: 'azure',
    ...(Object.keys(instance).length > 0 && { instance }),
    certificates: [{ name: 'identity', csr: certificationRequest(key), ...options.wish }],
    ...options.request,
  });
  const message = `join-broker-v1\n${request}`;
  const nonce = createHash('sha256').update(message).digest('hex').slice(0, 32);
  const proofKey = options.proofKey ?? options.renews?.key;
  const body = {
    request: options.changedRequest?.(request) ?? request,
    azure: machine.evidence({ nonce, ...options.evidence }),
    ...(proofKey && {
      proof: sign(hashFor(proofKey), Buffer.from(message), proofKey).toString('base64'),
    }),
  };
  return options.changedBody?.(body) ?? body;
}

function instanceOf(attempt: Attempt | undefined): Readonly<Record<string, unknown>> {
  if (!attempt) return {};
  const { instance_id: id, generation } = joined(attempt);
  return { id, generation };
}

/** What an admitted joiner got. */
export function joined(attempt: Answer): JoinAnswer {
  if (attempt.status !== 200) throw new Error(`not admitted: ${JSON.stringify(attempt.body)}`);
  return attempt.body as JoinAnswer;
}

/** The TLS certificates that it got at this position, DER: its own, and those that travel along. */
export const chainOf = (attempt: Attempt, position = 0): Uint8Array[] =>
  decodePem('CERTIFICATE', joined(attempt).certificates[position]?.tls ?? '') ?? [];

/** A PKCS#10 request in PEM, with an empty subject. */
export function certificationRequest(key: KeyObject, signedBy: KeyObject = key): string {
  const publicKeyInfo = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const info = sequence(smallInteger(0), sequence(), publicKeyInfo, explicit(0));
  const algorithm =
    signedBy.asymmetricKeyType === 'ed25519'
      ? OID.ed25519
      : signedBy.asymmetricKeyType === 'rsa'
        ? OID.sha256WithRSAEncryption
        : OID.ecdsaWithSHA256;
  const parameters = signedBy.asymmetricKeyType === 'rsa' ? [nullValue()] : [];
  const signature = sign(hashFor(signedBy), info, signedBy);
  return encodePem(
    'CERTIFICATE REQUEST',
    sequence(info, sequence(oid(algorithm), ...parameters), bitString(signature)),
  );
}

const hashFor = (key: KeyObject): string | null =>
  key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
