/** What the tests read out of a Markdown document. */

/** The code blocks in a language, as they stand, without their indentation in a list. */
export const codeBlocks = (markdown: string, language: string): readonly string[] =>
  [...markdown.matchAll(/^( *)```(\w+)\n([\s\S]*?)^\1```$/gm)]
    .filter(([, , found]) => found === language)
    .map(([, indent = '', , text = '']) => text.replaceAll(new RegExp(`^${indent}`, 'gm'), ''));

/** The anchors of its headings, as GitHub makes them. */
export const anchors = (markdown: string): readonly string[] =>
  [...withoutCode(markdown).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

/** Where its links lead. */
export const links = (markdown: string): readonly string[] =>
  [...withoutCode(markdown).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);

const withoutCode = (markdown: string): string =>
  markdown.replaceAll(/^( *)```[\s\S]*?^\1```$/gm, '');
