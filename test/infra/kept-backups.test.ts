import { expect, it } from 'vitest';
import { bodyOf, propertiesOf } from './bicep-file.ts';
import { bicepFile } from './project-files.ts';

/** Who writes backups may overwrite and delete them, but no version. */
it('keeps what is overwritten or deleted in the account of backups for a month', () => {
  const services = bicepFile('infra/modules/storage.bicep').declarations.filter(({ type }) =>
    /\bblobServices(?:@[^/]*)?$/.test(type),
  );
  const written = services.map(({ value }) => {
    const body = bodyOf(value);
    const properties = body && propertiesOf(body).find(({ name }) => name === 'properties')?.value;
    const each = properties ? propertiesOf(properties) : [];
    return Object.fromEntries(each.map(({ key, value }) => [key.text, value.text]));
  });
  const forMonth = '{ enabled: true, days: 30 }';
  expect(written).toEqual([
    {
      isVersioningEnabled: 'true',
      deleteRetentionPolicy: forMonth,
      containerDeleteRetentionPolicy: forMonth,
    },
  ]);
});
