/** `joinctl auth backup` */
import { open, rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { BACKUP_FORMAT, type BackupFile } from '../../shared/protocol/backup.ts';
import { formatTimestamp } from '../../shared/protocol/values.ts';
import { flagValue } from '../arguments.ts';
import type { BrokerClient } from '../broker-client.ts';
import type { Command } from '../command.ts';
import { Failure } from '../failure.ts';
import { KINDS } from '../kinds.ts';
import { printable } from '../printable.ts';
import { openSession } from '../session.ts';

export const authBackup: Command = {
  words: ['auth', 'backup'],
  summary:
    'write everything that restores the authorities into one file, with keys sealed as they are stored',
  operands: [],
  flags: { out: 'the file, which must not exist yet; standard output without it' },
  examples: ['joinctl auth backup --out=backup.json', 'joinctl auth backup > backup.json'],
  async run(io, args) {
    const out = flagValue(args, 'out');
    const { client, discovery } = await openSession(io, args);
    const { cluster_name: cluster } = await discovery();
    const backup = await backupOf(client, cluster, io.now());
    const text = `${JSON.stringify(backup, null, 1)}\n`;
    if (out === undefined) return io.stdout.write(text);
    await writeWhole(resolve(io.cwd, out), text, out);
    const { keys, resources, names } = backup;
    io.stdout.write(
      `${printable(out)} has ${keys.length} rows of keys, ${resources.length} resources and ${names.length} names of hosts of ${printable(cluster)}\n`,
    );
  },
};

async function backupOf(client: BrokerClient, cluster: string, now: Date): Promise<BackupFile> {
  const { ca_pins, rows } = await client.backUpAuthorities();
  const lists = [];
  for (const kind of KINDS) lists.push(await client.list(kind));
  return {
    format: BACKUP_FORMAT,
    cluster,
    made: formatTimestamp(now),
    ca_pins,
    keys: rows,
    resources: lists.flat(),
    names: [...(await client.names())],
  };
}

/** For its owner alone, and never half-written under its name. */
async function writeWhole(file: string, text: string, shown: string): Promise<void> {
  const draft = `${file}.${process.pid}.part`;
  try {
    const handle = await open(draft, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    // Takes the name; what is there already is a backup that somebody may need.
    await (await open(file, 'wx', 0o600)).close();
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => {});
    const { code } = error as NodeJS.ErrnoException;
    throw new Failure(
      code === 'EEXIST'
        ? `${printable(shown)} exists already: give another name.`
        : `Can't write ${printable(shown)}: ${code ?? 'unknown error'}.`,
    );
  }
}
