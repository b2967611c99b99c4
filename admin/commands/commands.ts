/** Every command, in the order in which help lists them. */
import type { Command } from '../command.ts';
import { apply } from './apply.ts';
import { auditLs, auditShow } from './audit.ts';
import { authInit, authStatus } from './auth.ts';
import { authBackup } from './auth-backup.ts';
import { authExport } from './auth-export.ts';
import { authRestore } from './auth-restore.ts';
import { authRetire } from './auth-retire.ts';
import { authRotate } from './auth-rotate.ts';
import { azureRootsAdd, azureRootsLs, azureRootsRm } from './azure-roots.ts';
import { azureSignersDeny, azureSignersLs, azureSignersRm } from './azure-signers.ts';
import { botsLs, botsRm, botsUpdate } from './bots.ts';
import { botsAdd } from './bots-add.ts';
import { botsShow } from './bots-show.ts';
import { completion } from './completion.ts';
import { create } from './create.ts';
import { edit } from './edit.ts';
import { explain } from './explain.ts';
import { get } from './get.ts';
import { botsInstancesLock, botsInstancesUnlock } from './instance-locks.ts';
import { botsInstancesLs, botsInstancesRm, botsInstancesShow } from './instances.ts';
import { joinsShow } from './joins.ts';
import { joinsLs } from './joins-ls.ts';
import { joinsVerify } from './joins-verify.ts';
import { lock, unlock } from './locks.ts';
import { login, logout } from './login.ts';
import { nodesAdd, nodesRm } from './nodes.ts';
import { ls } from './nodes-show.ts';
import { rm } from './rm.ts';
import { status, version } from './status.ts';
import { tokensLs, tokensRm } from './tokens.ts';
import { tokensAdd } from './tokens-add.ts';

export const COMMANDS: readonly Command[] = [
  login,
  logout,
  status,
  authInit,
  authStatus,
  authRotate,
  authRetire,
  authExport,
  authBackup,
  authRestore,
  create,
  apply,
  get,
  edit,
  rm,
  botsAdd,
  botsLs,
  botsShow,
  botsUpdate,
  botsRm,
  botsInstancesLs,
  botsInstancesShow,
  botsInstancesRm,
  botsInstancesLock,
  botsInstancesUnlock,
  tokensAdd,
  tokensLs,
  tokensRm,
  ls,
  nodesAdd,
  nodesRm,
  joinsLs,
  joinsShow,
  joinsVerify,
  explain,
  auditLs,
  auditShow,
  lock,
  unlock,
  azureRootsAdd,
  azureRootsLs,
  azureRootsRm,
  azureSignersDeny,
  azureSignersLs,
  azureSignersRm,
  completion,
  version,
];
