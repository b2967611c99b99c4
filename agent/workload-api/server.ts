/**
 * The SPIFFE Workload API on a Unix socket (SPIFFE_Workload_API.md): X.509-SVIDs and bundles, sent anew whenever they
 * change; and the same for Envoy. Whoever may connect gets the private key: the socket's mode and access control list say who may.
 */
import { chmod, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  type Metadata,
  Server,
  ServerCredentials,
  type ServerWritableStream,
  type ServiceDefinition,
  setLogger,
  status,
} from '@grpc/grpc-js';
import { withPlainErrors } from '../durable-file.ts';
import { Failure } from '../failure.ts';
import { inMade } from '../own-files.ts';
import { bundlesResponse, svidResponse, type X509Svid } from './messages.ts';
import { bytesAlone } from './method.ts';
import { addSecretService } from './secret-service.ts';

export interface WorkloadApi {
  /** Sends it to all who listen, and to those who come. */
  publish(svid: X509Svid): void;
  close(): Promise<void>;
}

export interface Socket {
  readonly path: string;
  readonly mode: number;
}

/** Those of the Workload API are empty; Envoy's first one lists all that Envoy can do. */
const LARGEST_REQUEST = 256 * 1024;
const LARGEST_EMPTY_REQUEST = 1024;
const MOST_STREAMS = 64;
/** So that no other program's request is answered by mistake: a browser or proxy can't set it. */
const SECURITY_HEADER = 'workload.spiffe.io';
/** In a folder of its own, before it gets its name. */
const SOCKET = 's';

const method = (name: string) => bytesAlone(`/SpiffeWorkloadAPI/${name}`, true);

/** Methods without an implementation are answered by the library: UNIMPLEMENTED. */
const SERVICE = {
  FetchX509SVID: method('FetchX509SVID'),
  FetchX509Bundles: method('FetchX509Bundles'),
} satisfies ServiceDefinition;

type Stream = ServerWritableStream<Buffer, Buffer>;

/**
 * `admit` lets others at the socket before it can be found. Throws a `Failure` where it can't listen. Whatever had the
 * socket's name before is replaced, a socket that a killed agent left behind too.
 */
export async function serveWorkloadApi(
  { path, mode }: Socket,
  admit: (directory: string, socket: string) => Promise<void>,
  warn: (message: string) => void,
): Promise<WorkloadApi> {
  // The library writes to stderr otherwise, in a form of its own.
  setLogger({ error: (said: unknown) => warn(`gRPC: ${said}`) });
  const server = new Server({
    'grpc.max_receive_message_length': LARGEST_REQUEST,
    'grpc.max_concurrent_streams': MOST_STREAMS,
  });
  const listeners = new Map<Stream, (svid: X509Svid) => Buffer>();
  let latest: X509Svid | undefined;
  const answering =
    (make: (svid: X509Svid) => Buffer) =>
    (stream: Stream): void => {
      const details = !isForUs(stream.metadata)
        ? `expected the metadata ${SECURITY_HEADER}: true`
        : stream.request.length > LARGEST_EMPTY_REQUEST && 'expected an empty request';
      if (details) {
        stream.emit('error', { code: status.INVALID_ARGUMENT, details });
        return;
      }
      listeners.set(stream, make);
      for (const event of ['cancelled', 'close', 'error'])
        stream.on(event, () => void listeners.delete(stream));
      if (latest) stream.write(make(latest));
    };
  server.addService(SERVICE, {
    FetchX509SVID: answering(svidResponse),
    FetchX509Bundles: answering(bundlesResponse),
  });

  const secrets = addSecretService(server, warn);

  await withPlainErrors(dirname(path), async () => {
    await mkdir(dirname(path), { recursive: true, mode: 0o755 });
    // Nobody can find it until it is for those alone that it is for.
    const folder = await mkdtemp(join(dirname(path), '.joinbot-'));
    try {
      await listen(server, join(folder, SOCKET));
      // Whoever else may write beside it may put a link in the folder's place, to have something else opened to others.
      await inMade(folder, `${path} is not there`, async (own) => {
        await chmod(join(own, SOCKET), mode);
        await admit(own, SOCKET);
        await rename(join(own, SOCKET), path);
      });
    } catch (error) {
      server.forceShutdown();
      throw error;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  return {
    publish(svid) {
      latest = svid;
      for (const [stream, make] of listeners) stream.write(make(svid));
      secrets.publish(svid);
    },
    async close() {
      server.forceShutdown();
      await rm(path, { force: true });
    },
  };
}

/** Once, and with this value. */
const isForUs = (metadata: Metadata): boolean =>
  metadata.get(SECURITY_HEADER).toString() === 'true';

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) => {
      if (!error) return resolve();
      reject(
        new Failure('files', `nobody can listen on ${path}: ${error.message}`, { cause: error }),
      );
    });
  });
}
