/** Mutants of what operators send: resources, and bodies of what they ask for and do. */
import { mutateJson } from './json-mutation.ts';
import type { Mutations } from './mutation.ts';
import { acted, resourceSent, restoreSeed, rotateSeed } from './seeds.ts';

export const OPERATORS_MUTATIONS: Mutations = {
  resource(batch, random) {
    const resource = random.pick(batch.resources);
    const text = mutateJson(JSON.stringify(resource), random);
    const condition = random.pick([{ 'if-match': '*' }, { 'if-none-match': '*' }]);
    return { ...resourceSent(batch, resource, text, condition), wrong: () => wrongRule(text) };
  },
  explain(batch, random) {
    const text = mutateJson(JSON.stringify(random.pick(batch.explained)), random);
    return { ...acted(batch, '/v1/explain', text), wrong: () => undefined };
  },
  async rotate(batch, random) {
    const seed = await rotateSeed(batch);
    const text = mutateJson(JSON.stringify(seed), random);
    return {
      ...acted(batch, '/v1/authorities/ssh-user/rotate', text),
      wrong: () => {
        const { numbers } = JSON.parse(text) as { numbers: readonly number[] };
        const same = numbers.toSorted().join() === seed.numbers.toSorted().join();
        return same ? undefined : 'rotated without a look at what is there';
      },
    };
  },
  async restore(batch, random) {
    const text = mutateJson(JSON.stringify(await restoreSeed(batch)), random);
    return {
      ...acted(batch, '/v1/authorities/restore', text),
      wrong: (answer) => {
        const { written, removed } = answer as Record<string, readonly string[]>;
        return written?.length || removed?.length ? 'restored what nobody had made' : undefined;
      },
    };
  },
};

/** A rule that would admit more than anybody may want. */
function wrongRule(text: string): string | undefined {
  const { spec } = JSON.parse(text) as { spec?: { azure?: { allow?: Record<string, unknown>[] } } };
  const loose = spec?.azure?.allow?.find(
    (rule) =>
      (rule['tenant'] === undefined && rule['subscription'] === undefined) ||
      (rule['resource_groups'] !== undefined && rule['subscription'] === undefined),
  );
  return loose && 'a rule without limits was accepted';
}
