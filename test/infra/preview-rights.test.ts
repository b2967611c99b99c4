/** What whoever can push a branch may read on Azure: what a preview needs, and no more. */
import { expect, test } from 'vitest';
import { type BicepFile, modulePath } from './bicep-file.ts';
import { bicepFile, readText } from './project-files.ts';

const actionsOf = (path: string): string[] =>
  [...readText(path).matchAll(/^ +'(Microsoft\.[^']+|\*[^']*)'$/gm)].map(
    ([, action = '']) => action,
  );

/** The file, and those of its modules. */
const withModules = (file: BicepFile): BicepFile[] => [
  file,
  ...file.declarations
    .filter(({ kind }) => kind === 'module')
    .flatMap((module) => withModules(bicepFile(modulePath(file.path, module)))),
];

/** Every type of resource that main.bicep makes in the broker's resource group. */
const typesOfGroup = new Set(
  withModules(bicepFile('infra/main.bicep'))
    .filter(({ root }) => !root.text.includes("targetScope = 'subscription'"))
    .flatMap(({ declarations }) => declarations)
    .filter(({ kind }) => kind === 'resource')
    .map(({ type }) => type.split('@')[0] ?? ''),
);

test('the preview reads each type of resource that the broker has, and nothing below it', () => {
  expect(typesOfGroup.size).toBeGreaterThan(20);
  expect(actionsOf('infra/modules/github-preview-reader.bicep')).toEqual(
    [...typesOfGroup].map((type) => `${type}/read`).toSorted(),
  );
});

test('on whole subscriptions it reads roles and deployments alone', () => {
  const actions = actionsOf('infra/modules/github-preview-role.bicep');
  expect(actions.length).toBeGreaterThan(5);
  for (const action of actions)
    expect(action).toMatch(
      /^Microsoft\.(Authorization\/role(Assignments|Definitions)\/read|Resources\/(deployments|subscriptions)\/([\w/]+\/)?(read|validate\/action|whatIf\/action))$/,
    );
});

test('it is the preview that gets both', () => {
  const text = readText('infra/github.bicep');
  for (const module of ['previewRole', 'previewReader'])
    expect(text).toMatch(
      new RegExp(`^module ${module} [^]*?principalId: identities\\[preview\\]\\.outputs`, 'm'),
    );
});
