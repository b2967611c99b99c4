/** `/etc/teleport.yaml` of a host that joins with a secret, as the guides write it. */
import { SERVICES } from '../../shared/protocol/services.ts';
import type { NewSecret } from '../join-tokens.ts';
import { field, texts } from '../resource-fields.ts';
import { toYaml } from '../resource-output.ts';

/** These run unless a config says that they don't. */
const ON_BY_DEFAULT = ['ssh_service', 'auth_service', 'proxy_service'];

export function hostConfig(
  { token, secret }: NewSecret,
  broker: string,
  pins: readonly string[],
): string {
  const roles = texts(field(token.spec, 'roles'));
  const wanted = Object.entries(SERVICES).flatMap(([service, role]) =>
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
