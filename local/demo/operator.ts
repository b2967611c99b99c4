/** The operator's part of the demonstration: the broker is ready, and the resources of `examples/` are applied. */
import { join } from 'node:path';
import { type Demo, prove, runOwn } from './scene.ts';

export async function checkBroker({ report, endpoints, host }: Demo): Promise<void> {
  const answer = await fetch(`${endpoints.broker}/readyz`);
  prove(answer.status === 200, `GET /readyz answers 200, not ${answer.status}`);
  report.proof(`${host.functions.length} functions of the built bundle run at ${endpoints.broker}`);
  report.proof('GET /readyz: storage is reachable, signing keys are there');
}

export async function applyResources(demo: Demo): Promise<void> {
  const { report } = demo;
  report.step('An operator creates a role, a bot and a join token');
  for (const file of ['role.yaml', 'bot.yaml', 'bot-token.yaml']) {
    const created = await joinctl(demo, 'create', '-f', join(demo.root, 'examples', file));
    prove(created.code === 0, `joinctl creates what examples/${file} says`, created);
    report.proof(`${created.command}: ${created.stdout.trim()}`);
  }
  const token = await joinctl(demo, 'get', 'token/example-bot');
  prove(
    token.code === 0 && token.stdout.includes('11111111-1111-1111-1111-111111111111'),
    'the join token has its allow rule',
    token,
  );
  report.proof('The token admits machines of one resource group. Its name is no secret:');
  report.output(token.stdout);
}

/** Runs joinctl with a folder of its own, so that nobody's sign-in is used or changed. */
const joinctl = (demo: Demo, ...args: string[]) =>
  runOwn(demo, 'joinctl', args, { JOINCTL_HOME: join(demo.output, 'joinctl') });
