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
`);
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
