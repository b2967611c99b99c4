/** Azure's Table Storage for one machine: Azurite's table server in this process, in memory, on loopback only. */
import { randomBytes } from 'node:crypto';
import { createRequire, registerHooks } from 'node:module';

export interface Tables {
  /** `http://127.0.0.1:<port>/<account>` */
  readonly url: string;
  /** The account's key, as base64. */
  readonly key: string;
  close(): Promise<void>;
}

/** Starts an empty table server. Port 0, the default, takes a free one. */
export async function startTables(port = 0): Promise<Tables> {
  const { TableServer, TableConfiguration } = loadAzurite();
  const key = randomBytes(64).toString('base64');
  const server = new TableServer(new TableConfiguration(...configuration(port)));
  await withAccount(key, () => server.start());
  stopAccountRefresh(server);
  return { url: `${server.getHttpServerAddress()}/${ACCOUNT}`, key, close: () => server.close() };
}

const ACCOUNT = 'joinbroker';

interface TableServer {
  start(): Promise<void>;
  close(): Promise<void>;
  getHttpServerAddress(): string;
  readonly accountDataStore: { readonly timer: NodeJS.Timeout };
}

interface Azurite {
  readonly TableServer: new (configuration: object) => TableServer;
  readonly TableConfiguration: new (...values: unknown[]) => object;
}

const TELEMETRY = /\/common\/Telemetry$/;
const TELEMETRY_URL = 'azurite:no-telemetry';

/**
 * Azurite without its telemetry: nothing is sent anywhere, and nine tenths of what it would load (2,900 modules, a second)
 * stay unread.
 */
function loadAzurite(): Azurite {
  const hooks = registerHooks({
    resolve: (specifier, context, next) =>
      TELEMETRY.test(specifier)
        ? { url: TELEMETRY_URL, shortCircuit: true }
        : next(specifier, context),
    load: (url, context, next) => {
      if (url !== TELEMETRY_URL) return next(url, context);
      const source = 'exports.AzuriteTelemetryClient = { TraceRequest() {} };';
      return { format: 'commonjs', source, shortCircuit: true };
    },
  });
  try {
    const require = createRequire(import.meta.url);
    return {
      TableServer: require('azurite/dist/src/table/TableServer').default,
      TableConfiguration: require('azurite/dist/src/table/TableConfiguration').default,
    };
  } finally {
    hooks.deregister();
  }
}

/** The values that Azurite's TableConfiguration takes, in its order. */
const configuration = (port: number): readonly unknown[] =>
  Object.values({
    host: '127.0.0.1',
    port,
    keepAliveTimeout: 5,
    metadataDBPath: '',
    enableDebugLog: false,
    enableAccessLog: false,
    accessLogWriteStream: undefined,
    debugLogFilePath: undefined,
    loose: false,
    skipApiVersionCheck: true,
    cert: '',
    key: '',
    pwd: '',
    oauth: undefined,
    disableProductStyleUrl: true,
    isMemoryPersistence: true,
  });

const ACCOUNTS_VARIABLE = 'AZURITE_ACCOUNTS';

/** Azurite takes its accounts from the environment when it starts; nothing else is to find the key there. */
async function withAccount(key: string, start: () => Promise<void>): Promise<void> {
  const before = process.env[ACCOUNTS_VARIABLE];
  process.env[ACCOUNTS_VARIABLE] = `${ACCOUNT}:${key}`;
  const started = start();
  if (before === undefined) delete process.env[ACCOUNTS_VARIABLE];
  else process.env[ACCOUNTS_VARIABLE] = before;
  await started;
}

/** Every minute it would read them anew, and find none. */
const stopAccountRefresh = ({ accountDataStore }: TableServer): void =>
  clearInterval(accountDataStore.timer);
