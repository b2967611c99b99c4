import { expect, test } from 'vitest';
import { openMetadataService } from '../../agent/azure-metadata.ts';
import type { Effects } from '../../agent/effects.ts';
import type { Log } from '../../agent/log.ts';
import { sendWith } from './send-with.ts';

async function askedBy(env: Readonly<Record<string, string>>) {
  const warnings: string[] = [];
  const asked: string[] = [];
  const { signal: stop } = new AbortController();
  const imds = sendWith(async ({ url }) => {
    asked.push(new URL(url).origin);
    return Response.json({ resourceId: '/a' });
  });
  const clock = { now: () => new Date(0), sleep: async () => undefined };
  const log = { warn: (message: string) => warnings.push(message) } as unknown as Log;
  const effects = { clock, imds, log, stop, random: () => 0 } as unknown as Effects;
  await openMetadataService(env, effects).resourceId();
  return { asked, warnings };
}
const WARNING = expect.stringContaining('this is a simulated VM');

test("Azure's own service is asked, and nothing is said", async () => {
  expect(await askedBy({})).toEqual({ asked: ['http://169.254.169.254'], warnings: [] });
});

test('a simulated machine is asked where the environment names one, and the log says so', async () => {
  const [imds, pki] = ['http://127.0.0.1:1', 'http://127.0.0.1:2'];
  const simulated = { asked: [imds], warnings: [WARNING] };
  expect(await askedBy({ JOINBOT_IMDS_URL: imds })).toEqual(simulated);
  expect(await askedBy({ JOINBOT_IMDS_URL: imds, JOINBOT_PKI_URL: pki })).toEqual(simulated);
  expect(await askedBy({ JOINBOT_PKI_URL: pki })).toEqual({
    asked: ['http://169.254.169.254'],
    warnings: [WARNING],
  });
});
