import { describe, expect, it } from 'vitest';
import { typeProblems } from './azure-types.ts';
import { readBicep } from './bicep-file.ts';
import { nameProblems } from './bicep-names.ts';
import { bicepFile, bicepFiles, readText } from './project-files.ts';

const find = (path: string) => bicepFiles.find((file) => file.path === path);

describe.each(bicepFiles.map((file) => [file.path, file] as const))('%s', (_, file) => {
  it('is Bicep', () => {
    expect(file.syntaxProblems).toEqual([]);
  });

  it('writes only properties that Azure has, all that it needs, and values that it takes', () => {
    expect(typeProblems(file)).toEqual([]);
  });

  it('uses names that are declared, and all that are', () => {
    expect(nameProblems(file, find)).toEqual([]);
  });
});

it('sets parameters in main.bicepparam that main.bicep has', () => {
  const known = bicepFile('infra/main.bicep')
    .declarations.filter(({ kind }) => kind === 'param')
    .map(({ name }) => name);
  const set = bicepFile('infra/main.bicepparam').declarations.map(({ name }) => name);
  expect(known).toEqual(expect.arrayContaining(set));
  expect(set).toEqual(expect.arrayContaining(['name', 'operatorsClientId']));
});

describe('a mistake planted', () => {
  const planted = (path: string, from: string, to: string) => {
    const text = readText(path);
    expect(text).toContain(from);
    return readBicep(path, text.replace(from, to));
  };
  const vault = 'infra/modules/vault.bicep';
  const main = 'infra/main.bicep';

  it('in the syntax is found', () => {
    const { syntaxProblems } = planted(vault, ": 'RSA'", ": RSA'");
    expect(syntaxProblems.length).toBeGreaterThan(0);
  });

  it.each([
    [vault, 'enablePurgeProtection', 'enablePurgeProtektion', 'enablePurgeProtektion is unknown'],
    [vault, "family: 'A', ", '', 'family is missing'],
    [vault, ": 'RSA'", ": 'RSA-3072'", 'expected one of EC, EC-HSM, RSA, RSA-HSM'],
    [vault, 'keySize: 3072', "keySize: '3072'", "expected int, got '3072'"],
    [vault, '/vaults@2023-07-01', '/vaults@1999-01-01', 'is not in infra/types'],
    [vault, "['wrapKey', 'unwrapKey']", "'wrapKey'", 'expected a list'],
    [
      'infra/alerts.bicep',
      "kind: 'standard'\n  properties",
      "kind: 'simple'\n  properties",
      'expected one of',
    ],
    [
      'infra/modules/storage.bicep',
      "'StorageV2'",
      "privateNetwork ? 'StorageV2' : 'V2'",
      "got 'V2'",
    ],
    ['infra/entra.bicep', 'redirectUris', 'redirectUrls', 'redirectUrls is unknown'],
  ])('in a type of %s (%s) is found', (path, from, to, problem) => {
    const problems = typeProblems(planted(path, from, to));
    expect(problems).toContainEqual(expect.stringContaining(problem));
  });

  it.each([
    [vault, 'principalId: principalId', 'principalId: principal', 'principal is not declared'],
    [vault, 'guid(vault.id', 'guld(vault.id', 'there is no function guld'],
    [
      vault,
      'param principalId string',
      'param principalId string\nparam spare int',
      'spare is not used',
    ],
    [vault, "groupId: 'vault'", "group: 'vault'", 'has no parameter group'],
    [vault, "groupId: 'vault'", '', 'needs the parameter groupId'],
    [main, 'storage.outputs.tablesUrl', 'storage.outputs.tablesUri', 'has no output tablesUri'],
    [
      'infra/modules/identity.bicep',
      'properties.clientId',
      'properties.clientIdentity',
      'has no properties.clientIdentity',
    ],
    [main, "'modules/vault.bicep'", "'modules/safe.bicep'", 'there is no file modules/safe.bicep'],
  ])('in a name of %s (%s) is found', (path, from, to, problem) => {
    expect(nameProblems(planted(path, from, to), find)).toContainEqual(
      expect.stringContaining(problem),
    );
  });
});
