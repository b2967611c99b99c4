/** Why the agent could not do something: a code of one closed set, and one plain sentence for the operator. */

type FailureCode =
  /** The command line is wrong. */
  | 'usage'
  /** The config file or the environment is wrong. */
  | 'config'
  /** The cloud's metadata service can't be reached, or gave no usable answer. */
  | 'metadata'
  /** The machine has no credentials of its cloud, or none that are good now. */
  | 'credentials'
  /** A certificate that signs attested documents could not be downloaded. */
  | 'certificate_download'
  /** No answer came from the broker. */
  | 'broker_unreachable'
  /** The broker answered that it can't do its work now (5xx). */
  | 'broker_unavailable'
  /** Too many requests (429). */
  | 'throttled'
  /** Another request was faster. */
  | 'try_again'
  /** The broker does not know the instance any more: join afresh. */
  | 'instance_unknown'
  /** The join was refused. */
  | 'denied'
  /** The broker answered with something else than was asked for. */
  | 'broker_refused'
  /** The connection, the trust bundle or a certificate doesn't check out. Nothing was written. */
  | 'untrusted'
  /** A file could not be read or written. */
  | 'files'
  /** Another joinbot works with the same directory. */
  | 'busy'
  /** `sshd` is missing, or doesn't take its configuration. */
  | 'sshd'
  /** The operator stopped the agent. */
  | 'stopped';

export class Failure extends Error {
  override readonly name = 'Failure';
  readonly code: FailureCode;
  /** How long the other side asked to be left alone. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: FailureCode,
    message: string,
    details: { readonly retryAfterMs?: number | undefined; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: details.cause });
    this.code = code;
    this.retryAfterMs = details.retryAfterMs;
  }
}
