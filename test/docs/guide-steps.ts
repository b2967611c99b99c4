/**
 * A guide as steps. What a block is stands behind its language, where nobody sees it: for `sh`, where its commands are typed
 * (`operator` or `machine`) and what becomes of them; for a file, its name.
 */

export type GuideStep =
  | { readonly kind: 'file'; readonly path: string; readonly text: string }
  | {
      readonly kind: 'commands';
      readonly where: 'operator' | 'machine';
      /** They end well, or not; or it is one command that stays in the foreground. */
      readonly outcome: 'succeeds' | 'fails' | 'stays';
      readonly commands: readonly string[];
    };

/** Languages of blocks that are no step. */
const SHOWN_ONLY = ['ini'];

/** Throws where a block is neither a step nor only shown. */
export function guideSteps(markdown: string): readonly GuideStep[] {
  return [...markdown.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)].flatMap(
    ([, info = '', text = '']): GuideStep[] => {
      const [language = '', ...words] = info.split(' ');
      if (language === 'sh') return [commandsOf(words, text)];
      const [path] = words;
      if (path !== undefined) return [{ kind: 'file', path, text }];
      if (SHOWN_ONLY.includes(language)) return [];
      throw new Error(`A block of a guide says neither where it belongs nor what it is: ${info}`);
    },
  );
}

function commandsOf([where, outcome = 'succeeds', ...others]: string[], text: string): GuideStep {
  if (where !== 'operator' && where !== 'machine') {
    throw new Error(`Expected operator or machine behind sh, got ${where}`);
  }
  if ((outcome !== 'succeeds' && outcome !== 'fails' && outcome !== 'stays') || others.length > 0) {
    throw new Error(`Expected fails, stays or nothing behind ${where}, got ${outcome}`);
  }
  const commands = text
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => line.trim() !== '');
  return { kind: 'commands', where, outcome, commands };
}
