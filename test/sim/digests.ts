/** The digests of the library, as the script writes them and the tests compare them. */
import { parseScenario } from '../../sim/scenario/parse.ts';
import { run } from '../../sim/world.ts';
import { libraryFiles } from '../scenarios/files.ts';

function digestOf(path: string, text: string, under?: string): string {
  const { scenario, diagnostics } = parseScenario(text, { file: path, ...(under === undefined ? {} : { under }) });
  if (scenario === null) throw new Error(`${path}: ${diagnostics[0]?.message ?? 'no scenario'}`);
  return run(scenario).trace.digest;
}

/**
 * By `lesson/name`: the digest of each scenario on its own seed; of a file in neutral words its first lane, and the others as `lesson/name@lane`. Of
 * `parts` shares of the library, which are taken in turn, only that number `part` from 0.
 */
export function digestsOf(part = 0, parts = 1): Record<string, string> {
  const files = libraryFiles().filter((_, i) => i % parts === part);
  return Object.fromEntries(
    files.flatMap(({ path, text }) => {
      const name = path.replace(/^scenarios\/|\.yaml$/g, '');
      const lanes = parseScenario(text, { file: path }).under?.lanes ?? [];
      return [
        [name, digestOf(path, text)],
        ...lanes.slice(1).map((under) => [`${name}@${under}`, digestOf(path, text, under)]),
      ];
    }),
  );
}
