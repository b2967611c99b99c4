/** The services of a `teleport.yaml` that name a host, and the system role that each joins as. */
import type { SystemRole } from './join.ts';

export const SERVICES = {
  ssh_service: 'Node',
  proxy_service: 'Proxy',
  kubernetes_service: 'Kube',
  app_service: 'App',
  db_service: 'Db',
  windows_desktop_service: 'WindowsDesktop',
  discovery_service: 'Discovery',
} as const satisfies Record<string, Exclude<SystemRole, 'Bot'>>;
export type ServiceName = keyof typeof SERVICES;
