/** Every HTTP function. */
import { join as joinPath } from 'node:path';
import { onFirstUse } from '../shared/first-use.ts';
import { getAudit, listAudit } from './audit.ts';
import {
  backUpAuthorities,
  getAuthorities,
  initAuthorities,
  restoreAuthorities,
  retireRoot,
  rotateAuthority,
} from './authorities.ts';
import { listAzureRoots } from './azure-roots.ts';
import { configSchema, openapi } from './documents.ts';
import { type Endpoint, withHead } from './endpoint.ts';
import { explain } from './explain.ts';
import { healthz, readyz } from './health.ts';
import { heartbeat } from './heartbeat.ts';
import { installScript } from './install-script.ts';
import type { Installation } from './installation.ts';
import { deleteInstance, getInstance, listInstances } from './instances.ts';
import { join } from './join.ts';
import { getJoin, listJoins, verifyJoins } from './joins.ts';
import { deleteName, getName, listNames, restoreNames } from './names.ts';
import { notFound } from './not-found.ts';

import { deleteResource, getResource, listResources, putResource } from './resources.ts';
import { tool } from './tools.ts';
import { trust, trustForm } from './trust.ts';
import { find, ping, versionChannel } from './webapi.ts';

const installation = onFirstUse<Installation>(
  async () =>
    (await import('./installation.ts')).openInstallation(() => joinPath(__dirname, 'install')),
  { script: true, tools: true, tool: true },
);

const known: readonly Endpoint[] = [
  join,
  heartbeat,
  trust,
  trustForm,
  ping,
  find,
  versionChannel,
  installScript(installation),
  tool(installation),
  healthz,
  readyz,
  listResources,
  getResource,
  putResource,
  deleteResource,
  listJoins,
  verifyJoins,
  explain,
  getJoin,
  listInstances,
  getInstance,
  deleteInstance,
  listNames,
  restoreNames,
  getName,
  deleteName,
  listAudit,
  getAudit,
  listAzureRoots,
  getAuthorities,
  initAuthorities,
  rotateAuthority,
  backUpAuthorities,
  restoreAuthorities,
  retireRoot,
  openapi,
  configSchema,
].map(withHead);

export const endpoints: readonly Endpoint[] = [...known, notFound(known)];
