/** A gRPC method whose messages are encoded and decoded by whoever handles it. */
const same = (bytes: Buffer): Buffer => bytes;

export const bytesAlone = <S extends boolean>(path: string, responseStream: S) => ({
  path,
  requestStream: false as const,
  responseStream,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
});
