import { describe, expect, it } from 'vitest';
import { TARGETS } from '../../scripts/node-binaries.ts';
import { TOOLS } from '../../shared/tools-file.ts';
import { jobs, workflows } from './workflow-files.ts';

describe.each(workflows)('$path', ({ text, content }) => {
  it('names every action by a full commit, and says which version that is', () => {
    const uses = text.split('\n').filter((line) => /^\s*(?:- )?uses:/.test(line));
    expect(uses.length).toBeGreaterThan(0);
    for (const line of uses) {
      expect(line).toMatch(/uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
    }
  });

  it('gives a version the same commit everywhere', () => {
    const pins = workflows.flatMap(
      (workflow) => workflow.text.match(/\S+@[0-9a-f]{40} # \S+/g) ?? [],
    );
    const commits = new Map(pins.map((pin) => [pin.split('@')[0], pin]));
    expect(new Set(pins).size).toBe(commits.size);
  });

  it('starts without permissions, and never runs twice at once', () => {
    expect(content.permissions).toEqual({});
    expect(content.concurrency).toMatchObject({ group: expect.any(String) });
  });

  it('has no secrets, and no trigger that gives strangers our rights', () => {
    expect(text).not.toMatch(/\bsecrets\b\./);
    expect(Object.keys(content.on)).not.toContain('pull_request_target');
    expect(Object.keys(content.on)).not.toContain('workflow_run');
  });
});

/** The one job that changes the repository: it makes the release. */
const RELEASES = 'release.yml release';

describe.each(jobs)('job %s', (name, job) => {
  const uses = (action: string): boolean =>
    job.steps.some((step) => step.uses?.startsWith(`${action}@`) ?? false);

  it('says what it may do and how long', () => {
    expect(job.permissions).toBeDefined();
    expect(job['timeout-minutes']).toBeLessThanOrEqual(30);
  });

  it('gets an identity only where it signs in or attests', () => {
    const needsIdentity = uses('azure/login') || uses('actions/attest-build-provenance');
    expect(job.permissions?.['id-token']).toBe(needsIdentity ? 'write' : undefined);
    const written = Object.entries(job.permissions ?? {}).filter(([, right]) => right === 'write');
    const allowed = name === RELEASES ? ['contents'] : ['id-token', 'attestations'];
    for (const [scope] of written) expect(allowed).toContain(scope);
  });

  it('installs no package where it has an identity, or may change the repository', () => {
    if (job.permissions?.['id-token'] === undefined && name !== RELEASES) return;
    expect(job.steps.map(({ run = '' }) => run).join('\n')).not.toMatch(/\bnpm\b|\bnpx\b/);
  });

  it('gives scripts their values as variables, never as text', () => {
    for (const { run = '' } of job.steps) expect(run).not.toContain('${{');
  });

  it('leaves no token in the checkout', () => {
    for (const step of job.steps) {
      if (step.uses?.startsWith('actions/checkout@')) {
        expect(step.with).toMatchObject({ 'persist-credentials': false });
      }
    }
  });
});

describe('deploy.yml', () => {
  const job = (name: string) => jobs.find(([found]) => found === `deploy.yml ${name}`)?.[1];

  it('changes nothing before whoever protects the environment has agreed', () => {
    expect(job('deploy')?.environment).toMatchObject({ name: 'production' });
    expect(job('resources')?.environment).toBe('production-resources');
    expect(job('preview')?.environment).toBeUndefined();
  });

  it('has an identity of its own for each of preview, deployment and resources', () => {
    const identities = ['preview', 'deploy', 'resources'].map(
      (name) =>
        job(name)?.steps.find(({ uses }) => uses?.startsWith('azure/login@'))?.with?.['client-id'],
    );
    expect(new Set(identities).size).toBe(3);
    expect(identities).not.toContain(undefined);
  });

  it('previews no pull request of a fork', () => {
    expect(job('preview')?.if).toContain(
      'github.event.pull_request.head.repo.full_name == github.repository',
    );
  });
});

describe('release.yml', () => {
  const steps = (name: string) =>
    jobs.find(([found]) => found === `release.yml ${name}`)?.[1].steps ?? [];
  const artifacts = (name: string, action: string) =>
    steps(name).flatMap((step) =>
      step.uses?.startsWith(`actions/${action}@`) ? [step.with?.['name']] : [],
    );

  it('publishes what was built and attested, with the attestations, and nothing else', () => {
    expect(artifacts('build', 'upload-artifact')).toEqual(['release']);
    expect(artifacts('attest', 'download-artifact')).toEqual(['release']);
    expect(artifacts('release', 'download-artifact')).toEqual(['release', 'attestations']);
    expect(steps('release').map(({ uses, run }) => (uses ?? run ?? '').split(/[@ ]/)[0])).toEqual([
      'actions/download-artifact',
      'actions/download-artifact',
      'sha256sum',
      'gh',
    ]);
  });

  it('attaches every program that npm run package makes', () => {
    const [upload] = steps('build').flatMap(({ with: options }) => options?.['path'] ?? []);
    for (const tool of TOOLS) {
      const name = tool.replace('.cjs', '');
      for (const target of TARGETS) expect(upload).toContain(`dist/${name}-${target}\n`);
      expect(upload).toContain(`dist/${tool}\n`);
    }
    expect(upload).toContain('dist/SHA256SUMS\n');
  });
});
