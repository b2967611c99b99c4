/** `joinctl bots add` without `--token`: the bot, and a join token with a secret, as guide 003 has it. */
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { CA_PINS, problem, secretOf } from '../fake-broker.ts';
import { terminal } from '../joinctl.ts';
import { BOT } from '../samples.ts';

const SECRET = secretOf('robot-aaaaab');
const ROBOT = {
  kind: 'bot',
  version: 'v1',
  metadata: { name: 'robot' },
  spec: { roles: ['access'] },
};

describe('joinctl bots add', () => {
  it('makes a secret and says how a machine uses it', async () => {
    const { run } = await terminal();
    const { code, stdout } = await run('bots', 'add', 'robot', '--roles=access');
    expect(code).toBe(0);
    expect(stdout).toBe(`bot "robot" has been created
token "robot-aaaaab" has been created

Its secret, which is shown this once:

  ${SECRET}

It is good for one machine's first join within 1h, until 2026-11-20T13:00:00Z.
CA pin ${CA_PINS[0]}
CA pin ${CA_PINS[1]}

On the machine, run:

  joinbot start \\
    --data-dir=/var/lib/joinbot \\
    --destination-dir=/opt/machine-id \\
    --token=${SECRET} \\
    --join-method=token \\
    --ca-pin=${CA_PINS[0]} \\
    --ca-pin=${CA_PINS[1]} \\
    --proxy-server=broker.example.com:443

A command line shows in the list of processes and in the shell's history. To keep the secret out of both, put it into a
file that only the agent can read, and name the file instead: --token=/etc/joinbot.secret

  sudo install -m 0600 -o "$USER" /dev/stdin /etc/joinbot.secret   # paste the secret, press Enter and Ctrl-D
`);
  });

  it('creates the bot, and a join token for it that ends', async () => {
    const { run, broker } = await terminal();
    await run('bots', 'add', 'robot', '--roles=access', '--ttl=30m');
    expect(broker.stored('bot', 'robot')).toEqual(ROBOT);
    expect(broker.stored('token', 'robot-aaaaab')).toMatchObject({
      metadata: { name: 'robot-aaaaab', expires: '2026-11-20T12:30:00Z' },
      spec: { roles: ['Bot'], bot_name: 'robot', join_method: 'token' },
    });
  });

  it('names the join token within the length of a name', async () => {
    const { run, broker } = await terminal();
    expect((await run('bots', 'add', 'b'.repeat(63))).code).toBe(0);
    expect(broker.stored('token', `${'b'.repeat(56)}-aaaaab`)).toBeDefined();
  });

  it.each([
    ['json', (text: string): unknown => JSON.parse(text)] as const,
    ['yaml', (text: string): unknown => parse(text)] as const,
  ])('prints all of it as %s for scripts, the secret once', async (format, read) => {
    const { run, broker } = await terminal();
    const flags = ['--roles=access', `--format=${format}`];
    const { stdout } = await run('bots', 'add', 'robot', ...flags);
    expect(read(stdout)).toEqual({
      bot: ROBOT,
      token: broker.stored('token', 'robot-aaaaab'),
      secret: SECRET,
      ca_pins: CA_PINS,
      proxy_server: 'broker.example.com:443',
    });
    expect(stdout.split(SECRET)).toHaveLength(2);
  });

  it('says that a bot without roles opens nothing', async () => {
    const { run } = await terminal();
    expect((await run('bots', 'add', 'robot')).stdout).toContain(
      'joinctl bots update robot --add-roles=access\n\nIts secret',
    );
  });

  it('takes no life for a join token that is there', async () => {
    const { run } = await terminal();
    expect(await run('bots', 'add', 'robot', '--token=t', '--ttl=1h')).toMatchObject({
      code: 2,
      stderr: 'joinctl: --ttl and --expires are for the secret that is made without --token.\n',
    });
  });
});

describe('joinctl bots add leaves nothing half-made', () => {
  const tokens = (requests: readonly { method: string; url: string }[]): string[] =>
    requests.filter(({ url }) => url.includes('/token/')).map(({ method }) => method);

  it('where the bot exists', async () => {
    const { run, broker } = await terminal({ resources: [BOT] });
    const { code, stderr } = await run('bots', 'add', 'example');
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr:
        'joinctl: bot "example" exists already: change it with joinctl bots update example, and give its machines a secret with joinctl tokens add --bot=example --method=token.\n',
    });
    expect(tokens(broker.requests)).toEqual([]);
  });

  it('where the join token is refused', async () => {
    const { run, broker } = await terminal({
      refuse: ({ kind }) => (kind === 'token' ? { field: 'spec', detail: 'no' } : undefined),
    });
    expect(await run('bots', 'add', 'robot')).toMatchObject({ code: 1, stdout: '' });
    expect(broker.stored('bot', 'robot')).toBeUndefined();
  });

  it('where the bot is refused', async () => {
    const { run, broker } = await terminal({
      refuse: ({ kind }) =>
        kind === 'bot' ? { field: 'spec.roles', detail: 'no such role' } : undefined,
    });
    expect(await run('bots', 'add', 'robot')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'joinctl: spec.roles: no such role.\n',
    });
    expect(tokens(broker.requests)).toEqual(['PUT', 'DELETE']);
    expect(broker.stored('token', 'robot-aaaaab')).toBeUndefined();
  });

  it('where somebody else makes the same bot at the same time', async () => {
    const { run, broker } = await terminal();
    broker.intercept(() => {
      broker.put(BOT);
      return problem('not_found', 'no bot');
    }, '/bot/example');
    expect((await run('bots', 'add', 'example')).stderr).toContain('exists already');
    expect(broker.stored('token', 'example-aaaaab')).toBeUndefined();
  });

  it('and says what it does not know', async () => {
    const { run, broker } = await terminal();
    const cut = (): never => {
      throw new TypeError('fetch failed', { cause: new Error('cut') });
    };
    broker.intercept(cut, 'PUT https://broker.example.com/v1/resources/bot/');
    broker.intercept(cut, 'DELETE https://broker.example.com/v1/resources/token/');
    const { code, stdout, stderr } = await run('bots', 'add', 'robot');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toBe(
      "joinctl: Can't reach https://broker.example.com: cut. Whether the bot was created is not known: see joinctl get bots/robot. Its join token may be left over, until it ends; nobody has seen its secret: joinctl tokens rm robot-aaaaab.\n",
    );
  });

  it('and says so where the broker is busy for too long', async () => {
    const { run, broker } = await terminal();
    for (let tries = 0; tries < 60; tries += 1) {
      broker.intercept(
        () => problem('unavailable', 'storage is slow'),
        'PUT https://broker.example.com/v1/resources/bot/',
      );
    }
    const { stderr } = await run('bots', 'add', 'robot');
    expect(stderr).toContain('storage is slow');
    expect(stderr).toContain('Whether the bot was created is not known');
    expect(broker.stored('token', 'robot-aaaaab')).toBeUndefined();
  });

  it('where the answer with the secret is lost', async () => {
    const { run, broker } = await terminal();
    broker.intercept(async ({ url, method, headers, body }) => {
      await broker.fetch(url, { method, headers, body });
      return problem('unavailable', 'storage is slow');
    }, '/token/');
    const { code, stdout, stderr } = await run('bots', 'add', 'robot');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('the answer with its secret was lost on the way');
    expect(stderr).toContain('joinctl tokens rm robot-aaaaab');
    expect(broker.stored('bot', 'robot')).toBeUndefined();
  });
});
