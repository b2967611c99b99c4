/** The data types of the SSH protocol (RFC 4251 section 5), strict both ways. */

/** The bytes are not the SSH structure that was expected. */
export class SshWireError extends Error {
  override readonly name = 'SshWireError';
}

export function sshUint32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function sshUint64(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}

/** `string`: a length and that many bytes. Text is UTF-8. */
export function sshString(content: Uint8Array | string): Uint8Array {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  return Buffer.concat([sshUint32(bytes.length), bytes]);
}

/** `mpint` of an unsigned big-endian number. */
export function sshMpint(unsigned: Uint8Array): Uint8Array {
  let start = 0;
  while (unsigned[start] === 0) start += 1;
  const minimal = unsigned.subarray(start);
  return sshString((minimal[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), minimal]) : minimal);
}

export class SshReader {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get done(): boolean {
    return this.#offset === this.#bytes.length;
  }

  bytes(): Uint8Array {
    const length = this.uint32();
    return this.take(length);
  }

  text(): string {
    return Buffer.from(this.bytes()).toString('utf8');
  }

  uint32(): number {
    return Buffer.from(this.take(4)).readUInt32BE();
  }

  uint64(): bigint {
    return Buffer.from(this.take(8)).readBigUInt64BE();
  }

  /** A non-negative `mpint`, as minimal unsigned bytes. */
  unsignedMpint(): Uint8Array {
    const bytes = this.bytes();
    // Zero has no bytes: there is no first one that could be wrong.
    const [first = 1, second = 0] = bytes;
    if (first >= 0x80) throw new SshWireError('negative mpint');
    if (first !== 0) return bytes;
    if (second < 0x80) throw new SshWireError('mpint is not minimal');
    return bytes.subarray(1);
  }

  end(): void {
    if (!this.done) throw new SshWireError('unexpected bytes at the end');
  }

  /** So many bytes, without a length before them. */
  take(length: number): Uint8Array {
    const end = this.#offset + length;
    if (end > this.#bytes.length) throw new SshWireError('ends too early');
    const part = this.#bytes.subarray(this.#offset, end);
    this.#offset = end;
    return part;
  }
}
