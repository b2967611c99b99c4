import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { readText } from './project-files.ts';

const { services, hooks, infra } = parse(readText('azure.yaml'));

it('deploys the service that the function app is tagged with', () => {
  const [service] = Object.keys(services);
  const main = readText(`${infra.path}/${infra.module}.bicep`);
  expect(main.match(/'azd-service-name': '\w+'/g)).toEqual([`'azd-service-name': '${service}'`]);
  expect(readText('infra/modules/function-app.bicep')).toContain('union(tags, appTags)');
  expect(main).toContain("'azd-env-name': name");
});

it('unpacks the deploy package where it deploys from, and builds nothing on Azure', () => {
  const { project, remoteBuild } = services.broker;
  expect(remoteBuild).toBe(false);
  expect(hooks.prepackage.run).toContain(`npm run --silent package && rm -rf ${project} &&`);
  expect(hooks.prepackage.run).toMatch(new RegExp(`-d ${project}$`));
  expect(JSON.parse(readText('package.json')).scripts).toHaveProperty('package');
});

it('sets the variables that main.bicepparam reads and azd does not have itself', () => {
  const read = [
    ...readText('infra/main.bicepparam').matchAll(/readEnvironmentVariable\('(\w+)'\)/g),
  ];
  const ofAzd = ['AZURE_ENV_NAME', 'AZURE_LOCATION', 'AZURE_SUBSCRIPTION_ID'];
  const set = [...hooks.preprovision.run.matchAll(/azd env set (\w+)/g)].map(([, name]) => name);
  expect(read.map(([, name]) => name).toSorted()).toEqual([...ofAzd, ...set].toSorted());
});
