/** Envoy's secret discovery service (SDS, version 3) beside the Workload API, as SPIRE's agent has it. */
import { createHash, randomBytes } from 'node:crypto';
import {
  type handleUnaryCall,
  type Server,
  type ServerDuplexStream,
  type ServiceDefinition,
  status,
} from '@grpc/grpc-js';
import { printable } from '../printable.ts';
import type { X509Svid } from './messages.ts';
import { bytesAlone } from './method.ts';
import { type DiscoveryRequest, readDiscoveryRequest } from './secret-messages.ts';
import {
  createSecretStream,
  SecretRefusal,
  type SecretStream,
  secretsOnce,
} from './secret-stream.ts';

const path = (name: string): string => `/envoy.service.secret.v3.SecretDiscoveryService/${name}`;

/** `DeltaSecrets` is answered by the library: UNIMPLEMENTED. Envoy's configuration says `api_type: GRPC`. */
const SERVICE = {
  StreamSecrets: { ...bytesAlone(path('StreamSecrets'), true), requestStream: true as const },
  FetchSecrets: bytesAlone(path('FetchSecrets'), false),
} satisfies ServiceDefinition;

type Stream = ServerDuplexStream<Buffer, Buffer>;

export interface SecretService {
  publish(svid: X509Svid): void;
}

export function addSecretService(server: Server, warn: (message: string) => void): SecretService {
  const open = new Map<Stream, SecretStream>();
  let latest: { readonly svid: X509Svid; readonly version: string } | undefined;

  const carryOut = (stream: Stream, work: () => Buffer | undefined): void => {
    try {
      const response = work();
      if (response) stream.write(response);
    } catch (error) {
      stream.emit('error', invalid(error));
    }
  };
  const streamSecrets = (stream: Stream): void => {
    const state = createSecretStream(
      () => latest,
      () => randomBytes(8).toString('hex'),
      (error) => warn(`Envoy did not take a secret: ${printable(error, 300)}`),
    );
    open.set(stream, state);
    for (const event of ['cancelled', 'close', 'error'])
      stream.on(event, () => void open.delete(stream));
    stream.on('data', (bytes: Buffer) => {
      if (open.has(stream)) carryOut(stream, () => state.onRequest(readDiscoveryRequest(bytes)));
    });
    stream.on('end', () => {
      open.delete(stream);
      stream.end();
    });
  };
  const fetchSecrets: handleUnaryCall<Buffer, Buffer> = ({ request }, answer) => {
    try {
      const asked: DiscoveryRequest = readDiscoveryRequest(request);
      if (latest) answer(null, secretsOnce(asked, latest));
      else answer({ code: status.UNAVAILABLE, details: 'there was no join yet' });
    } catch (error) {
      answer(invalid(error));
    }
  };
  server.addService(SERVICE, { StreamSecrets: streamSecrets, FetchSecrets: fetchSecrets });

  return {
    publish(svid) {
      latest = { svid, version: versionOf(svid) };
      for (const [stream, state] of open) carryOut(stream, () => state.onPublish());
    },
  };
}

/** What a client did wrong. Anything else is a mistake of ours. */
function invalid(error: unknown): { readonly code: status; readonly details: string } {
  if (!(error instanceof SecretRefusal || error instanceof RangeError)) throw error;
  return { code: status.INVALID_ARGUMENT, details: printable(error.message, 1000) };
}

function versionOf({ chain, authorities }: X509Svid): string {
  const hash = createHash('sha256');
  for (const der of [...chain, ...authorities]) hash.update(der);
  return hash.digest('hex').slice(0, 16);
}
