/** Every HTTP function. */
import type { Endpoint } from './endpoint.ts';
import { healthz, readyz } from './health.ts';
import { deleteInstance, getInstance, listInstances } from './instances.ts';
import { join } from './join.ts';
import { getJoin } from './joins.ts';
import { deleteName, getName } from './names.ts';
import { notFound } from './not-found.ts';
import { openapi } from './openapi.ts';
import { deleteResource, getResource, listResources, putResource } from './resources.ts';
import { trust, trustForm } from './trust.ts';
import { find, ping, versionChannel } from './webapi.ts';

const known: readonly Endpoint[] = [
  join,
  trust,
  trustForm,
  ping,
  find,
  versionChannel,
  healthz,
  readyz,
  listResources,
  getResource,
  putResource,
  deleteResource,
  getJoin,
  listInstances,
  getInstance,
  deleteInstance,
  getName,
  deleteName,
  openapi,
];

export const endpoints: readonly Endpoint[] = [...known, notFound(known)];
