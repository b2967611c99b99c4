/** `/etc/teleport.yaml` of a host that joins with a secret, as the guides write it. */
import type { SystemRole } from '../../shared/protocol/join.ts';
import type { NewSecret } from '../join-tokens.ts';
import { field, texts } from '../resource-fields.ts';
import { toYaml } from '../resource-output.ts';

/** The section that makes a host join as this system role. */
const SERVICES: Readonly<Record<Exclude<SystemRole, 'Bot'>, string>> = {
  Node: 'ssh_service',
  Proxy: 'proxy_service',
  Kube: 'kubernetes_service',
  App: 'app_service',
  Db: 'db_service',
  WindowsDesktop: 'windows_desktop_service',
  Discovery: 'discovery_service',
};

/** These run unless a config says that they don't. */
const ON_BY_DEFAULT = ['ssh_service', 'auth_service', 'proxy_service'];

export function hostConfig(
  { token, secret }: NewSecret,
  broker: string,
  pins: readonly string[],
): string {
  const roles = texts(field(token.spec, 'roles'));
  const wanted = Object.entries(SERVICES).flatMap(([role, service]) =>
    roles.includes(role) ? [service] : [],
  );
  const services = [...new Set([...wanted, ...ON_BY_DEFAULT])];
  return toYaml({
    version: 'v3',
    teleport: {
      join_params: { token_name: secret, method: 'token' },
      proxy_server: broker,
      ca_pin: pins,
    },
    ...Object.fromEntries(services.map((name) => [name, { enabled: wanted.includes(name) }])),
  });
}
