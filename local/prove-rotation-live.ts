/**
 * `npm run prove:rotation-live`: three function instances in processes of their own on Azurite's tables, killed in the middle while
 * machines join, through three rotations of the SSH authorities, or as many as is said (rotations, hours between steps, seed). Exits 0 only
 * if no join was lost, and openssl and ssh-keygen accepted every certificate.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { buildIfStale } from '../scripts/build-if-stale.ts';
import { proveLiveRotation } from './rotation/live/proof.ts';
import { createRandom } from './rotation/random.ts';

const [rotations = 3, stepHours = 4, seed = Date.now() % 1_000_000] = process.argv
  .slice(2)
  .map(Number);
if (![rotations, stepHours, seed].every((number) => Number.isInteger(number) && number > 0)) {
  process.stderr.write('Expected how many rotations, hours between two steps, and a seed.\n');
  process.exit(2);
}
await buildIfStale();
const folder = await mkdtemp(join(tmpdir(), 'rotation-'));
const tell = (line: string): void => void process.stdout.write(`${line}\n`);
try {
  tell(`seed               ${seed}`);
  const random = createRandom(seed);
  const figures = await proveLiveRotation({ folder, rotations, stepHours, random, tell });
  tell(`days               ${figures.days}`);
  tell(`steps              ${figures.steps}`);
  tell(`SSH authorities    ${figures.sshAuthorities}`);
  tell(`issuing keys       ${figures.issuingKeys}`);
  tell(`data keys          ${figures.dataKeys}`);
  tell(`joins              ${figures.joins}, all admitted`);
  tell(`tries              ${figures.tries}`);
  tell(
    `kills              ${figures.kills}, ${figures.killsInRotation} of them in the middle of a rotation`,
  );
  tell(`checks             ${figures.checks}, all good`);
  tell(`seconds            ${figures.seconds}`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
