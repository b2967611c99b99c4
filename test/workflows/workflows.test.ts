import { describe, expect, it } from 'vitest';
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

describe.each(jobs)('job %s', (_, job) => {
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
    for (const [scope] of written) expect(['id-token', 'attestations']).toContain(scope);
  });

  it('installs no package where it has an identity', () => {
    if (job.permissions?.['id-token'] === undefined) return;
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
