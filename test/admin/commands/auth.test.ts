import { describe, expect, it } from 'vitest';
import type { AuthorityStatus } from '../../../shared/protocol/authorities.ts';
import { CA_PINS } from '../fake-broker.ts';
import { terminal } from '../joinctl.ts';

const STATUS: AuthorityStatus = {
  cluster: 'example',
  ca_pins: CA_PINS.slice(0, 1),
  keys: [
    {
      authority: 'ssh-user',
      purpose: 'sign',
      number: 1,
      state: 'signing',
      starts: '2026-11-20T12:00:00Z',
      expires: '2026-12-29T12:05:00Z',
      successor_due: '2026-12-13T12:00:00Z',
    },
    {
      authority: 'data',
      purpose: 'encrypt',
      number: 1,
      state: 'signing',
      starts: '2026-11-20T12:00:00Z',
    },
  ],
  ignored: [],
};

const problem = (status: number, code: string, detail: string): Response =>
  Response.json(
    { type: 'about:blank', title: 'x', status, code, detail, request_id: 'r' },
    { status },
  );

describe('joinctl auth init', () => {
  it('makes the authorities, and shows the pin to note', async () => {
    const { run, broker } = await terminal();
    broker.intercept(() => Response.json(STATUS, { status: 201 }), 'POST');
    expect(await run('auth', 'init')).toMatchObject({
      code: 0,
      stdout: `the authorities of example have been made

CA pin ${CA_PINS[0]}

Agents that have the pin in their config believe no other root.
`,
    });
    const [request] = broker.requests.filter(({ method }) => method === 'POST');
    expect(request?.url).toBe('https://broker.example.com/v1/authorities/init');
    expect(JSON.parse(request?.body ?? '')).toEqual({});
  });

  it('says what is given up, and that an unfinished init is resumed', async () => {
    const { run, broker } = await terminal();
    broker.intercept(() => Response.json(STATUS, { status: 201 }), 'POST');
    await run('auth', 'init', '--resume', '--give-up=ssh-user', `--give-up=${CA_PINS[0]}`);
    const [request] = broker.requests.filter(({ method }) => method === 'POST');
    expect(JSON.parse(request?.body ?? '')).toEqual({
      resume: true,
      give_up: ['ssh-user', CA_PINS[0]],
    });
  });

  it('passes on why the broker refuses', async () => {
    const { run, broker } = await terminal();
    const detail = 'there is an authority already: joinctl auth status';
    broker.intercept(() => problem(409, 'already_exists', detail), 'POST');
    expect(await run('auth', 'init')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining(detail),
    });
  });
});

describe('joinctl auth status', () => {
  it('shows each key with its state', async () => {
    const { run, broker } = await terminal();
    broker.intercept(() => Response.json(STATUS), 'authorities');
    expect((await run('auth', 'status')).stdout).toBe(`Cluster example
CA pin ${CA_PINS[0]}

Authority Purpose Number State   Signs from           Ends                 Successor due
--------- ------- ------ ------- -------------------- -------------------- --------------------
ssh-user  sign    1      signing 2026-11-20T12:00:00Z 2026-12-29T12:05:00Z 2026-12-13T12:00:00Z
data      encrypt 1      signing 2026-11-20T12:00:00Z never

Revocation lists: they can't be made now
`);
    const revocation = {
      version: 7,
      certificates: 3,
      this_update: '2026-11-20T12:00:00Z',
      next_update: '2026-11-21T12:00:00Z',
    };
    const saidOf = async (lists: object): Promise<string> => {
      broker.intercept(() => Response.json({ ...STATUS, revocation: lists }), 'authorities');
      return (await run('auth', 'status')).stdout.split('\n').at(-2) ?? '';
    };
    expect(await saidOf(revocation)).toBe(
      'Revocation lists: version 7 of 2026-11-20T12:00:00Z, good until 2026-11-21T12:00:00Z, 3 certificates, without the root: it has signed none yet',
    );
    expect(await saidOf({ ...revocation, root_update: '2026-11-19T00:00:00Z' })).toContain(
      "3 certificates, the root's own of 2026-11-19T00:00:00Z",
    );
  });

  it('says what is missing, and which rows are ignored, without control characters', async () => {
    const { run, broker } = await terminal();
    const amiss = { ...STATUS, ca_pins: [], keys: [], missing: 'no\u001b[31m authority' };
    broker.intercept(
      () => Response.json({ ...amiss, ignored: ['tls/9', 'a\u0007'] }),
      'authorities',
    );
    const { stdout } = await run('auth', 'status');
    expect(stdout).toContain('\nMissing: no');
    expect(stdout).toContain("\nIgnored, because they don't authenticate: tls/9, a");
    for (const control of ['\u001b', '\u0007']) expect(stdout).not.toContain(control);
  });

  it('prints it for scripts', async () => {
    const { run, broker } = await terminal();
    broker.intercept(() => Response.json(STATUS), 'authorities');
    expect(JSON.parse((await run('auth', 'status', '--format=json')).stdout)).toEqual(STATUS);
  });
});

describe('joinctl auth rotate', () => {
  async function rotate(options: { answer?: string; stdin?: string }, ...flags: string[]) {
    const { run, broker } = await terminal(options);
    broker.intercept(() => Response.json(STATUS), 'GET https://broker.example.com/v1/authorities');
    broker.intercept(() => Response.json(STATUS), 'POST');
    const result = await run('auth', 'rotate', ...flags);
    const sent = broker.requests.find(({ method }) => method === 'POST');
    return { ...result, sent: sent && { url: sent.url, body: JSON.parse(sent.body) } };
  }

  it('says what happens, asks, and names the keys that it saw', async () => {
    const { code, stdout, stderr, sent } = await rotate({ answer: 'yes' }, '--type=ssh-user');
    expect(code).toBe(0);
    expect(stderr).toContain('is published from now on');
    expect(stderr).toMatch(/Go on\? Type yes: $/);
    expect(stdout).toContain('ssh-user  sign    1      signing');
    expect(sent).toEqual({
      url: 'https://broker.example.com/v1/authorities/ssh-user/rotate',
      body: { numbers: [1] },
    });
  });

  it('says what breaks after a leak', async () => {
    const { stderr, sent } = await rotate({ answer: 'yes' }, '--type=ssh-user', '--now');
    expect(stderr).toContain('Keys of ssh-user that count for nothing from now on: 1.');
    expect(stderr).toContain('refuse user\n  certificates of machines that have not renewed yet');
    expect(sent?.body).toEqual({ numbers: [1], leaked: true });
  });

  it.each(['', 'no', 'y', 'YES'])('does nothing when the answer is "%s"', async (answer) => {
    const { code, stderr, sent } = await rotate({ answer }, '--type=issuing', '--now');
    expect(code).toBe(1);
    expect(stderr).toContain('Nothing was done.');
    expect(sent).toBeUndefined();
  });

  it('does nothing where nobody can be asked, unless it was said', async () => {
    const { code, stderr, sent } = await rotate({ stdin: '' }, '--type=probe', '--now');
    expect(code).toBe(1);
    expect(stderr).toContain('Say --yes');
    expect(sent).toBeUndefined();
    const said = await rotate({ stdin: '' }, '--type=probe', '--now', '--yes');
    expect(said).toMatchObject({ code: 0, sent: { body: { numbers: [], leaked: true } } });
  });

  it('says all that a leaked data key takes with it', async () => {
    const { stderr, sent } = await rotate({ answer: 'yes' }, '--type=data', '--now');
    expect(stderr).toContain('issuing, ssh-user, ssh-host, probe');
    expect(stderr).toContain('joinctl auth rotate --type=tls --now');
    expect(sent).toMatchObject({ body: { numbers: [1], leaked: true } });
  });

  it.each([
    [[], 'Say which key, as --type: tls, issuing, ssh-user, ssh-host, probe, data.'],
    [['--type=ssh-usr'], 'There is no such key (did you mean ssh-user?)'],
  ])('%j is no type', async (flags, message) => {
    const { code, stderr } = await rotate({}, ...flags);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });

  it('after a lost answer says that it may have been done', async () => {
    const { run, broker } = await terminal();
    broker.intercept(() => Response.json(STATUS), 'GET https://broker.example.com/v1/authorities');
    broker.intercept(() => new Response('', { status: 502 }), 'POST');
    broker.intercept(() => problem(412, 'precondition_failed', 'other keys'), 'POST');
    const { code, stderr } = await run('auth', 'rotate', '--type=probe', '--yes');
    expect(code).toBe(1);
    expect(stderr).toContain('perhaps by this very command');
  });
});

describe('joinctl auth retire', () => {
  const WITH_ROOTS: AuthorityStatus = {
    ...STATUS,
    keys: [1, 4].map((number) => ({
      authority: 'tls',
      purpose: 'root',
      number,
      state: number === 1 ? 'retiring' : 'signing',
      starts: '2026-11-20T12:00:00Z',
    })),
  };

  it('says who is left behind, asks, and names the roots that it saw', async () => {
    const { run, broker } = await terminal({ answer: 'yes' });
    broker.intercept(() => Response.json(WITH_ROOTS), 'GET https://broker.example.com/v1/auth');
    broker.intercept(() => Response.json(STATUS), 'POST');
    const { code, stderr } = await run('auth', 'retire', '--type=tls');
    expect(code).toBe(0);
    expect(stderr).toContain('refuse all certificates from now on');
    const sent = broker.requests.find(({ method }) => method === 'POST');
    expect(sent?.url).toBe('https://broker.example.com/v1/authorities/tls/retire');
    expect(JSON.parse(sent?.body ?? '')).toEqual({ numbers: [1, 4] });
  });

  it.each([[[]], [['--type=ssh-user']]])('wants a root: %j', async (flags) => {
    const { run, broker } = await terminal({ answer: 'yes' });
    expect(await run('auth', 'retire', ...flags)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--type=tls'),
    });
    expect(broker.requests).toEqual([]);
  });
});

describe('joinctl auth export', () => {
  const BUNDLE = {
    cluster: 'example',
    version: 1,
    expires: '2026-11-27T12:00:00Z',
    refresh_after: '2026-11-20T13:00:00Z',
    ca_pins: CA_PINS,
    tls: { roots: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' },
    ssh: { user_ca: ['ssh-ed25519 AAAA', 'ssh-ed25519 BBBB'], host_ca: ['ssh-ed25519 C\u001b'] },
    signature: 'a..b',
  };

  it.each([
    ['tls', BUNDLE.tls.roots],
    ['ssh-user', 'ssh-ed25519 AAAA\nssh-ed25519 BBBB\n'],
    ['ssh-host', '@cert-authority * ssh-ed25519 C\ufffd\n'],
  ])('--type=%s prints what a file of a relying party holds', async (type, expected) => {
    const { run, broker } = await terminal({ signedIn: true });
    broker.intercept(() => Response.json(BUNDLE), '/v1/trust');
    const { code, stdout } = await run('auth', 'export', `--type=${type}`);
    expect(code).toBe(0);
    expect(stdout).toBe(expected);
    expect(broker.requests.map(({ headers }) => headers.get('authorization'))).toEqual([null]);
  });

  it('wants a type that there is', async () => {
    const { run } = await terminal();
    expect(await run('auth', 'export', '--type=data')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--type: tls, ssh-user, ssh-host'),
    });
  });
});
