/**
 * A backup: everything that an authority needs to come back, in one file. Private keys are sealed in it as they are in the
 * table. Instances are not in it: an old one would make a used secret, or an old generation, good again.
 */
import * as z from 'zod/mini';
import { instanceOwner } from './instance.ts';
import { resource } from './resource.ts';
import { caPin } from './trust.ts';
import { clusterName, dnsName, guid, timestamp } from './values.ts';

const printable = (most: number) =>
  z.string().check(z.maxLength(most), z.regex(/^[\x20-\x7e]*$/, 'expected printable ASCII'));

/** A row of the table `keys`, as it is stored. What it says is believed once it authenticates. */
const keyRow = z.strictObject({
  partition: printable(16),
  key: printable(16),
  values: z.record(printable(32), z.union([printable(32_768), z.int()])),
});

const keyRows = z.array(keyRow).check(z.maxLength(64));

/** `GET /v1/authorities/backup`. */
export const keyBackup = z.object({ ca_pins: z.array(caPin), rows: keyRows });
export type KeyBackup = z.infer<typeof keyBackup>;

export const restoreBody = z.strictObject({
  rows: keyRows,
  /** Rows that don't belong to the same authority, or are not genuine, are removed: without it they are named, and nothing is done. */
  replace: z.optional(z.boolean()),
  /** The CA pin of a root that custody made after this backup, and that is given up. */
  give_up: z.optional(caPin),
  /** Only says what would be done. */
  dry_run: z.optional(z.boolean()),
});
export type RestoreBody = z.infer<typeof restoreBody>;

/** What was restored, or would be: names of rows. */
export const restored = z.object({
  ca_pins: z.array(caPin),
  written: z.array(z.string()),
  removed: z.array(z.string()),
  /** Rows that are there already, as they are in the backup or newer. */
  kept: z.array(z.string()),
});
export type Restored = z.infer<typeof restored>;

/** Whose a host's name is, with all that the broker knows of it. */
export const heldName = z.strictObject({
  name: dnsName,
  machine: printable(1024),
  incarnation: printable(256),
  owner: instanceOwner,
  instance: guid,
  /** Unix seconds. */
  since: z.int().check(z.nonnegative()),
  gone: z.array(printable(256)).check(z.maxLength(16)),
});
export type HeldNameRecord = z.infer<typeof heldName>;

export const namePage = z.object({ items: z.array(heldName), next: z.optional(z.string()) });
export type NamePage = z.infer<typeof namePage>;

/** As many as fit into a request. */
export const MOST_NAMES_AT_ONCE = 20;
export const restoreNamesBody = z.strictObject({
  items: z.array(heldName).check(z.maxLength(MOST_NAMES_AT_ONCE)),
});

export const restoredNames = z.object({
  restored: z.int(),
  /** Names that somebody has already. */
  kept: z.int(),
});
export type RestoredNames = z.infer<typeof restoredNames>;

export const BACKUP_FORMAT = 'join-broker-backup-1';

export const backupFile = z.strictObject({
  format: z.literal(BACKUP_FORMAT),
  cluster: clusterName,
  made: timestamp,
  ca_pins: z.array(caPin),
  keys: keyRows,
  resources: z.array(resource),
  names: z.array(heldName),
});
export type BackupFile = z.infer<typeof backupFile>;
