import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../admin/commands/commands.ts';
import { terminal } from './joinctl.ts';

describe('joinctl', () => {
  it.each([
    [['crate', 'x'], 'There is no command crate (did you mean create?)'],
    [['bots', 'ad', 'x'], 'There is no command bots ad (did you mean add?): there are add, ls'],
    [['bots'], 'Say what to do with bots: add, ls, show, update, rm, instances.'],
    [['bots', 'instances'], 'Say what to do with bots instances: ls, show, rm, lock, unlock.'],
    [['bots', 'instances', 'sow'], 'There is no command bots instances sow (did you mean show?)'],
    [[], 'Say what to do: joinctl --help lists it.'],
    [['get', 'roles', '--fromat=text'], 'There is no flag --fromat here (did you mean --format?)'],
    [['create', 'x', '--roles=a'], 'There is no flag --roles here'],
    [['get'], '<kind>[/<name>][,…] is missing: joinctl get <kind>[/<name>][,…] ….'],
    [['get', 'roles', 'access'], '"access" is no kind of resource'],
    [['create', 'a.yaml', 'b.yaml'], '"b.yaml" is one operand too many'],
    [['create'], 'Say which file: joinctl create <file>, or - for standard input.'],
    [['get', 'rolls'], '"rolls" is no kind of resource (did you mean roles?)'],
    [['get', 'roles', '--format=xml'], '--format is text, json or yaml, not "xml"'],
    [['get', 'roles', '--format'], '--format needs a value: --format=text|json|yaml.'],
    [['create', 'x', '--force=no'], '--force takes no value.'],
    [['get', 'roles', '--format=text', '--format=yaml'], '--format can stand only once.'],
    [['rm', 'access'], '"access" names no resource: write <kind>/<name>.'],
    [['rm', 'role/a b'], '"a b" is no resource name'],
    [['status', '--proxy=a', '--auth-server=b'], '--proxy and --auth-server mean the same'],
  ])('answers %j with exit code 2 and a hint', async (argv, message) => {
    const { run, broker } = await terminal();
    const { code, stdout, stderr } = await run(...argv);
    expect(stderr).toContain(`joinctl: ${message}`);
    expect({ code, stdout, requests: broker.requests.length }).toEqual({
      code: 2,
      stdout: '',
      requests: 0,
    });
  });

  it('lists every command', async () => {
    const { run } = await terminal();
    const { code, stdout } = await run('--help');
    expect(code).toBe(0);
    for (const { words, summary } of COMMANDS) {
      expect(stdout).toMatch(new RegExp(`^  ${words.join(' ')} +${summary.slice(0, 20)}`, 'm'));
    }
  });

  it('lists the commands of a group', async () => {
    const { run } = await terminal();
    const { stdout } = await run('help', 'tokens');
    expect(stdout).toContain('tokens add');
    expect(stdout).not.toContain('bots add');
    const inner = (await run('help', 'bots', 'instances')).stdout;
    expect(inner).toContain('bots instances rm');
    expect(inner).not.toContain('bots add');
    expect(inner).toContain('Usage: joinctl bots instances <command> [flags]');
    expect(inner).toMatch(/^Examples:\n {2}joinctl bots instances ls robot$/m);
  });

  it.each(COMMANDS.map((command) => [command.words.join(' '), command] as const))(
    'explains %s with usage and examples',
    async (_, { words, operands, examples }) => {
      const { run } = await terminal();
      const { code, stdout } = await run(...words, '--help');
      expect(code).toBe(0);
      expect(stdout).toContain(`Usage: ${['joinctl', ...words, ...operands].join(' ')}`);
      for (const example of examples) expect(stdout).toContain(example);
    },
  );

  it('knows --version, as most tools do', async () => {
    const { run } = await terminal();
    expect(await run('--version')).toEqual(await run('version'));
  });

  it('takes flags before, between and after the operands', async () => {
    const { run } = await terminal({ env: {}, signedIn: true });
    const before = await run('--proxy', 'broker.example.com', 'get', 'roles', '--format=json');
    const after = await run('get', '--format', 'json', 'roles', '--auth-server=broker.example.com');
    expect([before.stdout, after.stdout]).toEqual(['[]\n', '[]\n']);
  });

  it('says an unexpected mistake in one safe line, and more with --verbose', async () => {
    const { run } = await terminal({
      signIn: () => Promise.reject(new TypeError('no\u001b[31m thing')),
    });
    const { code, stderr } = await run('get', 'roles');
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'joinctl: unexpected: no\u{fffd}[31m thing (--verbose says more).\n',
    });
    expect((await run('get', 'roles', '--verbose')).stderr).toContain('    at ');
  });
});
