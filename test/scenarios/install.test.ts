/** The lines with which the guides install the agent, run as they stand there (`JOINBOT_ROOT` in the place of `sudo`). */
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hasProgram } from '../programs.ts';
import { BOT_TOKEN, startScenario, succeeded, tbotYaml } from './scenario.ts';

const VERSION_LINES = {
  '000, with the default channel': `TELEPORT_VERSION="$(curl -s $TELEPORT_DOMAIN/v1/webapi/automaticupgrades/channel/default/version | sed 's/v//')"`,
  '001, with ping': `TELEPORT_VERSION="$(curl -s $TELEPORT_DOMAIN/v1/webapi/ping | jq -r '.server_version')"`,
  '004, with find': `TELEPORT_VERSION="$(curl -s $TELEPORT_DOMAIN/v1/webapi/find | jq -r '.server_version')"`,
};

test.skipIf(!['curl', 'jq'].map(hasProgram).every(Boolean))(
  'the lines of 000, 001 and 004 install the agent of this broker, and it joins',
  async () => {
    const { folder, stack, run, write, joinctl } = await startScenario();
    const { broker, machines, pki } = stack.endpoints;
    // The script looks for the Node.js of the machine.
    await symlink(process.execPath, join(folder, 'node'));
    const env = {
      PATH: `${folder}:${process.env['PATH']}`,
      JOINBOT_ROOT: folder,
      TELEPORT_DOMAIN: broker,
    };
    const bash = (line: string) => run('bash', ['--norc', '-euo', 'pipefail', '-c', line], env);

    const [first, ...others] = Object.values(VERSION_LINES).map(
      (line) =>
        `${line}; curl -s $TELEPORT_DOMAIN/scripts/install.sh | bash -s \${TELEPORT_VERSION} oss`,
    );
    expect(succeeded(await bash(first ?? '')).stdout).toMatch(/joinbot [\d.]+ is installed\.$/m);
    others.push('curl "$TELEPORT_DOMAIN/scripts/install.sh" | bash');
    for (const line of others) {
      expect(succeeded(await bash(line)).stdout).toContain('nothing was changed.');
    }

    succeeded(await joinctl('create', '-f', await write('bot-token.yaml', BOT_TOKEN)));
    succeeded(await joinctl('bots', 'add', 'example', '--token', 'example-bot'));
    const joinbot = join(folder, 'usr/local/lib/join-broker/joinbot.cjs');
    const config = await write('tbot.yaml', tbotYaml(broker, 'oneshot: true\n'));
    const joined = await run(process.execPath, [joinbot, 'start', '-c', config], {
      JOINBOT_IMDS_URL: machines['vm-user']?.imds ?? '',
      JOINBOT_PKI_URL: pki,
    });
    expect(succeeded(joined).stderr).toContain('joined as bot example');
  },
);
