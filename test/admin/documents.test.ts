import { describe, expect, it } from 'vitest';
import { located, readDocuments } from '../../admin/documents.ts';
import { Failure, Refusal } from '../../admin/failure.ts';
import { PROBLEMS, type ProblemCode } from '../../shared/protocol/problem.ts';
import { BOT, BOT_YAML, TOKEN, TOKEN_YAML } from './samples.ts';

const read = (text: string) => readDocuments(text, 'file.yaml');

describe('readDocuments', () => {
  it('reads the token of the guide', () => {
    expect(read(TOKEN_YAML).map(({ resource }) => resource)).toEqual([TOKEN]);
  });

  it('reads several documents, blank ones left out, and JSON', () => {
    const text = `\u{feff}---\n${TOKEN_YAML}---\n# nothing\n---\n${JSON.stringify(BOT)}\n---\n`;
    expect(read(text).map(({ resource }) => resource)).toEqual([TOKEN, BOT]);
  });

  it('reads a list of resources, and finds places in it', () => {
    const [first, second] = read(JSON.stringify([TOKEN, BOT], null, 1));
    expect([first?.resource, second?.resource]).toEqual([TOKEN, BOT]);
    expect(second?.locate('metadata.name')).toBe('file.yaml:30:4');
    expect(() => read(JSON.stringify([BOT, 5]))).toThrow(/^file\.yaml:1:\d+: expected fields/);
  });

  it('says what is left out, with its place', () => {
    const [document] = read(`${BOT_YAML}status: {}\n`);
    expect(document?.resource).toEqual(read(BOT_YAML)[0]?.resource);
    expect(document?.notices).toEqual(['file.yaml:7:1: status: left out: it means nothing here.']);
  });

  it('keeps times as text', () => {
    const [document] = read(
      BOT_YAML.replace('name: example', 'name: example\n  expires: 3000-01-01T00:00:00Z'),
    );
    expect(document?.resource.metadata.expires).toBe('3000-01-01T00:00:00Z');
  });

  it.each([
    ['', 'file.yaml: there is no resource in it.'],
    ['# only a remark\n', 'file.yaml: there is no resource in it.'],
    ['a: [1\nb: 2\n', 'file.yaml:2:1: '],
    ['a: 1\na: 2\n', 'file.yaml:2:1: this field is given twice.'],
    ['just text', 'file.yaml:1:1: expected fields, got text'],
    [BOT_YAML.replace('kind: bot', 'kind: boot'), 'file.yaml:1:1: kind: '],
    [
      BOT_YAML.replace('spec:', 'specs:'),
      'file.yaml:5:1: specs: unknown field; did you mean spec?',
    ],
    [
      BOT_YAML.replace('name: example', 'nam: example'),
      'file.yaml:4:3: metadata.nam: unknown field; did you mean name?',
    ],
    [
      BOT_YAML.replace('name: example', 'name: a b'),
      'file.yaml:4:3: metadata.name: expected 1 to 63',
    ],
    [
      BOT_YAML.replace('name: example', 'name: x\n  labels: {a: 1}'),
      'file.yaml:5:12: metadata.labels.a: expected text',
    ],
    [`${BOT_YAML}extra: 1\n`, 'file.yaml:7:1: extra: unknown field'],
    [`${TOKEN_YAML}---\n${BOT_YAML}---\nkind: x\n`, 'file.yaml:24:1: kind: '],
    [
      `${BOT_YAML}---\n${BOT_YAML}`,
      'file.yaml:8:1: bot "example" stands at file.yaml:1:1 already.',
    ],
    [BOT_YAML.replace('[]', '!!python/name:os.system x'), 'file.yaml:6:10: Unresolved tag'],
    [`${'x'.repeat(1024 * 1024)}yz`, 'file.yaml: the file is over 1 MiB.'],
  ])('refuses bad input with its place (%#)', (text, message) => {
    expect(() => read(text)).toThrow(Failure);
    expect(() => read(text)).toThrow(message);
  });

  it('stops at aliases that multiply', () => {
    const levels = Array.from({ length: 9 }, (_, level) => {
      const alias = Array(9).fill(level === 0 ? 'x' : `*a${level - 1}`);
      return `a${level}: &a${level} [${alias.join(', ')}]`;
    });
    expect(() => read(levels.join('\n'))).toThrow('file.yaml:1:1: Excessive alias count');
  });
});

describe('locate', () => {
  const [document] = read(
    TOKEN_YAML.replace('    allow:', '    labels: {a.b: {c: 1}, a: [x, [y]]}\n    allow:'),
  );

  it.each([
    ['kind', '1:1'],
    ['metadata.name', '5:3'],
    ['spec.azure.allow[0].resource_groups', '16:7'],
    ['spec.azure.allow[0].resource_groups[0]', '16:25'],
    ['spec.azure.labels.a.b.c', '12:20'],
    ['spec.azure.labels.a[1][0]', '12:35'],
    ['spec.azure.vm_binding', '11:3'],
    ['', '1:1'],
  ])('finds %s', (field, place) => {
    expect(document?.locate(field)).toBe(`file.yaml:${place}`);
  });
});

describe('located', () => {
  const refusal = (code: ProblemCode, field?: string): Refusal =>
    new Refusal('so it is.', {
      type: 'about:blank',
      title: PROBLEMS[code][1],
      status: PROBLEMS[code][0],
      code,
      request_id: 'r',
      ...(field !== undefined && { field }),
    });
  const locateIn = (error: unknown): unknown => {
    const [document] = read(TOKEN_YAML);
    return document && located(error, document);
  };

  it('adds the place of the refused field', () => {
    expect(locateIn(refusal('bad_request', 'spec.bot_name'))).toMatchObject({
      message: 'file.yaml:9:3: so it is.',
    });
  });

  it('leaves alone what is not about the document', () => {
    const forbidden = refusal('forbidden');
    expect(locateIn(forbidden)).toBe(forbidden);
  });
});
