/**
 * The cheapest tests first: those that mirror a file; for changes of constants the same ones, with the code loaded anew;
 * and for the broker's changes that survive, the whole joins that are about the file.
 */
import { relative } from 'node:path';
import type { MutantResult } from '@stryker-mutator/api/core';
import { Stryker } from '@stryker-mutator/core';
import type { Mutant } from './explain.ts';
import { mirroring, mirroringFolder, options, type Pass, TESTS_ANEW } from './options.ts';
import { wholeJoins } from './whole-joins.ts';

/** Every change of these files and what became of it. `quick` leaves the whole joins out. */
export async function findSurvivors(
  folder: string,
  files: readonly string[],
  quick: boolean,
): Promise<Mutant[]> {
  const all = new Map<string, Mutant>();
  const survived = (): Mutant[] => [...all.values()].filter(({ status }) => SURVIVED.has(status));

  async function pass(mutate: readonly string[], how: Pass): Promise<readonly Mutant[]> {
    if (mutate.length === 0) return [];
    process.env[TESTS_ANEW] = how.tests.join(' ');
    const found = await new Stryker(options(folder, mutate, how)).runMutationTest();
    return found.map(asMutant);
  }

  const first = quick ? mirroring : (file: string): readonly string[] => [mirroringFolder(file)];
  for (const [tests, mirrored] of Map.groupBy(files, (file) => first(file).join()))
    for (const mutant of await pass(mirrored, { tests: tests.split(','), anew: false }))
      all.set(keyOf(mutant), mutant);
  for (const file of files) {
    const constants = [...all.values()].filter(
      ({ fileName, status, isConstant }) =>
        fileName === file && isConstant && (status === 'Ignored' || SURVIVED.has(status)),
    );
    const wanted = new Set(constants.map(keyOf));
    for (const mutant of await pass(constants.map(rangeOf), { tests: mirroring(file), anew: true }))
      if (wanted.has(keyOf(mutant))) all.set(keyOf(mutant), mutant);
  }
  if (quick) return [...all.values()];
  const open = survived().filter(
    ({ fileName, isConstant }) => fileName.startsWith('shared/') && !isConstant,
  );
  for (const [tests, about] of Map.groupBy(open, ({ fileName }) => wholeJoins(fileName).join())) {
    const wanted = new Set(about.map(keyOf));
    const how = { tests: tests.split(','), anew: false };
    for (const mutant of tests === '' ? [] : await pass(about.map(rangeOf), how))
      if (wanted.has(keyOf(mutant)) && !SURVIVED.has(mutant.status) && mutant.status !== 'Ignored')
        all.set(keyOf(mutant), mutant);
  }
  return [...all.values()];
}

const SURVIVED: ReadonlySet<string> = new Set(['Survived', 'NoCoverage']);

function asMutant({ fileName, statusReason, ...result }: MutantResult): Mutant {
  const { mutatorName, status, location, replacement = '', static: isStatic } = result;
  return {
    fileName: relative('.', fileName),
    mutatorName,
    status,
    location,
    replacement,
    isConstant: isStatic === true || (statusReason?.startsWith('Static') ?? false),
  };
}

const keyOf = ({ fileName, location, replacement }: Mutant): string =>
  JSON.stringify([fileName, location, replacement]);

/** As Stryker takes a range: both ends count from 1 for lines and from 0 for columns. */
const rangeOf = ({ fileName, location: { start, end } }: Mutant): string =>
  `${fileName}:${start.line}:${start.column - 1}-${end.line}:${end.column - 1}`;
