/** The digests of the library, as the script writes them and the tests compare them. */
import { parseScenario } from '../../sim/scenario/parse.ts';
import { run } from '../../sim/world.ts';
import { libraryFiles } from '../scenarios/files.ts';

function digestOf(path: string, text: string, under?: string): string {
  const { scenario, diagnostics } = parseScenario(text, { file: path, ...(under === undefined ? {} : { under }) });
  if (scenario === null) throw new Error(`${path}: ${diagnostics[0]?.message ?? 'no scenario'}`);
  return run(scenario).trace.digest;
}

/** By `lesson/name`: the digest of each scenario on its own seed; of a file in neutral words its first lane, and the others as `lesson/name@lane`. */
export function digestsOf(): Record<string, string> {
  return Object.fromEntries(
    libraryFiles().flatMap(({ path, text }) => {
      const name = path.replace(/^scenarios\/|\.yaml$/g, '');
      const lanes = parseScenario(text, { file: path }).under?.lanes ?? [];
      return [
        [name, digestOf(path, text)],
        ...lanes.slice(1).map((under) => [`${name}@${under}`, digestOf(path, text, under)]),
      ];
    }),
  );
}
