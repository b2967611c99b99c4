/**
 * The API of the Kubernetes cluster that the agent runs in, with its pod's service account
 * (https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/). A secret is written by one patch, applied on
 * the server: it is made or replaced as a whole, and what was ours and is no more, goes.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { parseJsonWith } from '../shared/protocol/schema.ts';
import { withPlainErrors } from './durable-file.ts';
import type { Effects } from './effects.ts';
import { Failure } from './failure.ts';
import type { FileSet } from './file-set.ts';
import { NoAnswer, textOf } from './http.ts';
import { printable } from './printable.ts';
import type { KubernetesSecret } from './settings.ts';

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
const TIMEOUT_MS = 10_000;
/** The answer has the secret, which has at most 1 MiB, in base64. */
const MOST_BYTES = 2 * 1024 * 1024;

/** Of the cluster whose pod this is, as its environment says; `undefined` where it is none. */
export function kubernetesApi(
  env: Readonly<Record<string, string | undefined>>,
): KubernetesSecret['api'] | undefined {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = env;
  if (!host) return undefined;
  const origin = `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
  return URL.canParse(origin) ? { origin, account: ACCOUNT } : undefined;
}

/** For a person: which secret. */
export const sayName = ({ namespace, name }: KubernetesSecret): string =>
  `the secret ${namespace === undefined ? '' : `${namespace}/`}${name}`;

/** Throws a `Failure` where the pod has no service account. */
export async function expectServiceAccount({ api }: KubernetesSecret): Promise<void> {
  await readAccount(api.account);
}

/**
 * Throws a `Failure` that says what the cluster said. Keys of a secret are file names without their folders. What another
 * `manager` has applied stays as it is.
 */
export async function writeSecret(
  secret: KubernetesSecret,
  files: FileSet,
  { imds: direct, stop }: Pick<Effects, 'imds' | 'stop'>,
  manager: 'joinbot' | `joinbot-${string}` = 'joinbot',
): Promise<void> {
  const { api } = secret;
  const account = await readAccount(api.account);
  const namespace = secret.namespace ?? account.namespace;
  const data = Object.fromEntries(
    [...files].map(([name, content]) => [
      name.slice(name.lastIndexOf('/') + 1),
      Buffer.from(content).toString('base64'),
    ]),
  );
  const body = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      ...{ name: secret.name, namespace },
      ...(manager === 'joinbot' && { labels: secret.labels }),
    },
    type: secret.secretType,
    data,
  };
  const path = `/api/v1/namespaces/${namespace}/secrets/${secret.name}?fieldManager=${manager}&force=true`;
  try {
    const answer = await direct({
      method: 'PATCH',
      url: `${api.origin}${path}`,
      headers: {
        authorization: `Bearer ${account.token}`,
        // JSON is YAML, too.
        'content-type': 'application/apply-patch+yaml',
        accept: 'application/json',
      },
      body: JSON.stringify(body),
      authorities: [account.authorities],
      timeoutMs: TIMEOUT_MS,
      mostBytes: MOST_BYTES,
      stop,
    });
    if (answer.status === 200 || answer.status === 201) return;
    throw refused(secret, answer.status, textOf(answer));
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    const message = `${sayName(secret)} can't be written: the cluster's API gave no answer: ${error.message}`;
    throw new Failure('files', message, { cause: error });
  }
}

const HINTS: Readonly<Record<number, string>> = {
  401: "the cluster doesn't take the service account's token",
  403: 'the service account may not: its role needs the verbs create and patch on secrets, or patch on this one if it is there',
  404: 'there is no such namespace',
  422: 'a secret keeps the type that it was made with: delete it, or give secret_type',
};

const statusAnswer = z.object({ message: z.string() });

function refused(secret: KubernetesSecret, status: number, text: string): Failure {
  const parsed = parseJsonWith(statusAnswer, text);
  const said = parsed.ok ? ` (${printable(parsed.value.message, 300)})` : '';
  const why = HINTS[status] ?? `the cluster's API answered with status ${status}`;
  return new Failure('files', `${sayName(secret)} can't be written: ${why}${said}`);
}

interface Account {
  readonly token: string;
  readonly namespace: string;
  /** PEM of the authority of the API's certificate. */
  readonly authorities: string;
}

/** Read each time: the token changes within an hour. */
const readAccount = (folder: string): Promise<Account> =>
  withPlainErrors(folder, async () => {
    const read = (name: string) => readFile(join(folder, name), 'utf8');
    const [token, namespace, authorities] = await Promise.all([
      read('token'),
      read('namespace'),
      read('ca.crt'),
    ]);
    const account = { token: token.trim(), namespace: namespace.trim(), authorities };
    if (
      /^[\x21-\x7e]{1,16384}$/.test(account.token) &&
      /^[a-z0-9.-]{1,253}$/.test(account.namespace)
    )
      return account;
    throw new Failure('files', `the service account in ${folder} is not what Kubernetes makes`);
  });
