/** The machines' part of the demonstration: one joins, one is refused. */
import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Outcome } from '../programs.ts';
import { type Demo, prove, runOwn, StepFailed } from './scene.ts';

/** Where the allowed machine's certificates are. */
export const identityFolder = ({ output }: Demo): string => join(output, 'vm-user');

export async function joinAllowedMachine(demo: Demo): Promise<void> {
  const { report } = demo;
  report.step('The machine vm-user joins: it lies in the resource group that the token allows');
  const folder = identityFolder(demo);
  const joined = await joinbot(demo, 'vm-user', folder);
  prove(joined.code === 0, 'joinbot joins and exits with 0', joined);
  report.proof('No secret was put on the machine: it proved itself with what Azure signed for it');
  const names = (await readdir(folder)).filter((name) => !name.startsWith('.')).sort();
  for (const name of names) {
    const { mode } = await stat(join(folder, name));
    prove((mode & 0o077) === 0, `${name} is for its owner only, not ${mode.toString(8)}`);
  }
  report.proof(`Its certificates, for their owner only, are in ${folder}:`);
  report.output(names.join('  '));
}

export async function showDenial(demo: Demo): Promise<void> {
  const { report } = demo;
  report.step('The machine vm-other-group is refused: no rule allows its resource group');
  const folder = join(demo.output, 'vm-other-group');
  const refused = await joinbot(demo, 'vm-other-group', folder);
  prove(refused.code === 1, 'joinbot is refused and exits with 1', refused);
  prove(!existsSync(join(folder, 'tlscert')), 'no certificate is written', refused);
  report.proof('It got no certificate, and learns nothing but the id of its request:');
  report.output(refused.stderr.trimEnd().split('\n').at(-1) ?? '');

  const shown = await showJoin(demo, requestIdIn(refused));
  prove(shown.code === 0, 'joinctl shows the join', shown);
  prove(shown.stdout.includes('rule_mismatch'), 'the reason is that no rule matched', shown);
  prove(!refused.stderr.includes('rule_mismatch'), 'the machine does not learn it', refused);
  report.proof('The operator sees the reason, and what to do:');
  report.output(`$ ${shown.command}`);
  report.output(shown.stdout.trimEnd());
}

/** The broker writes its join log in batches, after the answers: at first it may not be there yet. */
async function showJoin(demo: Demo, requestId: string): Promise<Outcome> {
  for (let left = 20; ; left -= 1) {
    const shown = await runOwn(demo, 'joinctl', ['joins', 'show', requestId], {});
    if (shown.code === 0 || left === 0) return shown;
    await sleep(100);
  }
}

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

function requestIdIn(outcome: Outcome): string {
  const id = UUID.exec(outcome.stderr)?.[0];
  prove(id !== undefined, 'joinbot shows the request id of the refusal', outcome);
  return id;
}

function joinbot(demo: Demo, machine: string, folder: string): Promise<Outcome> {
  const { broker, pki, machines } = demo.endpoints;
  const imds = machines[machine]?.imds;
  if (!imds) throw new StepFailed(`Expected: examples/local-azure.yaml describes ${machine}`);
  const config = join(demo.root, 'examples', 'joinbot.yaml');
  const where = ['--proxy-server', broker, '--destination-dir', folder];
  return runOwn(demo, 'joinbot', ['start', '-c', config, ...where, '--oneshot'], {
    JOINBOT_IMDS_URL: imds,
    JOINBOT_PKI_URL: pki,
  });
}
