/** Guides 000 and 001, deploying on Azure, to their last line: `joinbot` for `tbot`, `joinctl` for `tctl`. */
import { mkdir, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { configJsonSchema } from '../../agent/config-document/json-schema.ts';
import { hasProgram } from '../programs.ts';
import { BOT_TOKEN, type OpenScenario, openScenario, succeeded, tbotYaml } from './scenario.ts';

let scenario: OpenScenario;
beforeAll(async () => {
  scenario = await openScenario();
  return scenario.close;
});

const BOT = `kind: bot
version: v1
metadata:
  # name is a unique identifier for the Bot in the cluster.
  name: example
spec:
  roles: []
`;

test('001 token before bot, daemon until it is stopped, one-shot', async () => {
  const { joinctl, joinbot, startJoinbot, write, stack } = scenario;
  expect(succeeded(await joinctl('status')).stdout).toMatch(
    /Cluster\s+join-broker\.local\nVersion\s+\d+\.\d+\.\d+\nCA pin\s+sha256:[0-9a-f]{64}/,
  );

  // Step 2: the join token may name a bot that does not exist yet.
  succeeded(await joinctl('create', '-f', await write('bot-token.yaml', BOT_TOKEN)));
  const once = await write('once.yaml', tbotYaml(stack.endpoints.broker, 'oneshot: true\n'));
  const early = await joinbot('vm-user', 'start', '-c', once);
  expect(early.code).toBe(1);
  expect(scenario.log.join('\n')).toContain('"reason":"bot_not_found"');
  const id = /joinctl joins show ([0-9a-f-]{36})/.exec(early.stderr)?.[1] ?? '';
  await expect
    .poll(async () => (await joinctl('joins', 'show', id)).stdout, { timeout: 10_000 })
    .toContain('joinctl bots add example --token=example-bot');
  const added = succeeded(await joinctl('bots', 'add', 'example', '--token', 'example-bot'));

  // An editor finds what the config may say where its first line says.
  const [, schema = ''] = /\$schema=(\S+)\n/.exec(added.stdout) ?? [];
  const answer = await fetch(schema);
  expect(answer.status).toBe(200);
  expect(await answer.json()).toEqual(configJsonSchema());

  // Step 3: as a daemon, reloaded as the unit's ExecReload does, and stopped as systemd stops it.
  const config = await write('tbot.yaml', tbotYaml(stack.endpoints.broker));
  const daemon = startJoinbot('vm-user', 'start', '-c', config);
  await daemon.says('joined as bot example');
  daemon.signal('SIGHUP');
  await daemon.says('renewed as bot example');
  expect(await daemon.kill('SIGTERM')).toBe(0);

  const joined = succeeded(await joinbot('vm-user', 'start', '-c', once));
  expect(joined.stderr).toContain('joined as bot example');
});

test('000 the bot from a file of its own; without roles its certificates say who it is and no more', async () => {
  const { folder, joinctl, joinbot, write, stack } = scenario;
  await joinctl('bots', 'rm', 'example');
  succeeded(await joinctl('create', await write('bot.yaml', BOT)));
  succeeded(await joinctl('create', '-f', await write('bot-token.yaml', BOT_TOKEN)));
  const config = await write('tbot.yaml', tbotYaml(stack.endpoints.broker, 'oneshot: true\n'));
  const identity = join(folder, 'identity');
  const joined = succeeded(
    await joinbot('vm-user', 'start', '-c', config, `--destination-dir=${identity}`),
  );
  expect(joined.stderr).toContain('the certificate has no roles, so it has no logins');
  expect(await readdir(identity)).not.toContain('sshcert');
});

/** The unit of guides 000, 001 and 002. */
const UNIT = `[Unit]
Description=Teleport Machine ID Service
After=network.target

[Service]
Type=simple
User=teleport
Group=teleport
Restart=on-failure
Environment="TELEPORT_ANONYMOUS_TELEMETRY=1"
ExecStart=/usr/local/bin/joinbot start -c /etc/tbot.yaml
ExecReload=/bin/kill -HUP $MAINPID
PIDFile=/run/tbot.pid
LimitNOFILE=524288

[Install]
WantedBy=multi-user.target
`;

test.skipIf(!hasProgram('systemd-analyze'))(
  '000 001 002 systemd takes the unit of the guides without a word',
  async () => {
    const { folder, write, run } = scenario;
    // systemd looks whether the program is there.
    await mkdir(join(folder, 'bin'), { recursive: true });
    await symlink(process.execPath, join(folder, 'bin/joinbot'));
    const unit = await write('tbot.service', UNIT.replace('/usr/local', folder));
    const verified = succeeded(await run('systemd-analyze', ['verify', unit]));
    expect(verified.stdout + verified.stderr).toBe('');
  },
);

test('a narrowed join token takes effect within the documented seconds, a lock too', async () => {
  const { joinctl, joinbot, write, stack, log } = scenario;
  succeeded(await joinctl('create', '-f', await write('bot.yaml', BOT)));
  succeeded(await joinctl('create', '-f', await write('bot-token.yaml', BOT_TOKEN)));
  const config = await write('tbot.yaml', tbotYaml(stack.endpoints.broker, 'oneshot: true\n'));
  succeeded(await joinbot('vm-user', 'start', '-c', config));
  succeeded(await joinctl('lock', '--bot=example', '--ttl=1h', '--message=stolen'));
  expect((await joinbot('vm-user', 'start', '-c', config)).code).toBe(1);
  expect(log.join('\n')).toContain('"reason":"locked"');
  succeeded(await joinctl('unlock', '--bot=example'));
  succeeded(await joinbot('vm-user', 'start', '-c', config));
});
