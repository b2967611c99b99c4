import { Refusal } from '../shared/refusal.ts';
import { TOOLS, type ToolName } from '../shared/tools-file.ts';
import type { PlainEndpoint } from './endpoint.ts';
import type { Installation } from './installation.ts';
import { unlessKnown } from './unless-known.ts';

/** The agent and the operators' tool of this broker's version, each one file. */
export const tool = (installation: Installation): PlainEndpoint => ({
  name: 'tool',
  methods: ['GET'],
  route: 'scripts/{tool}',
  async answerPlainly(request) {
    const asked = request.params['tool'];
    const name = TOOLS.find((one): one is ToolName => one === asked);
    if (name === undefined) {
      throw new Refusal('not_found', `expected one of install.sh, ${TOOLS.join(', ')}`);
    }
    const { bytes, sha256 } = await installation.tool(name);
    return unlessKnown(request, `"${sha256}"`, {
      headers: {
        'content-type': 'text/javascript; charset=utf-8',
        'cache-control': 'public, max-age=300',
      },
      body: bytes,
    });
  },
});
