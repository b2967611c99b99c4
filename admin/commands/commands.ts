/** Every command, in the order in which help lists them. */
import type { Command } from '../command.ts';
import { apply } from './apply.ts';
import { botsLs, botsRm, botsUpdate } from './bots.ts';
import { botsAdd } from './bots-add.ts';
import { create } from './create.ts';
import { edit } from './edit.ts';
import { get } from './get.ts';
import { joinsShow } from './joins.ts';
import { lock, unlock } from './locks.ts';
import { login, logout } from './login.ts';
import { rm } from './rm.ts';
import { status, version } from './status.ts';
import { tokensAdd, tokensLs, tokensRm } from './tokens.ts';

export const COMMANDS: readonly Command[] = [
  login,
  logout,
  status,
  create,
  apply,
  get,
  edit,
  rm,
  botsAdd,
  botsLs,
  botsUpdate,
  botsRm,
  tokensAdd,
  tokensLs,
  tokensRm,
  joinsShow,
  lock,
  unlock,
  version,
];
