/** The digests of the library, as the script writes them and the tests compare them. */
import { parseScenario } from '../../sim/scenario/parse.ts';
import { run } from '../../sim/world.ts';
import { libraryFiles } from '../scenarios/files.ts';

/** By `lesson/name`: the digest of each scenario on its own seed. */
export function digestsOf(): Record<string, string> {
  return Object.fromEntries(
    libraryFiles().map(({ path, text }) => {
      const { scenario, diagnostics } = parseScenario(text, { file: path });
      if (scenario === null) throw new Error(`${path}: ${diagnostics[0]?.message ?? 'no scenario'}`);
      return [path.replace(/^scenarios\/|\.yaml$/g, ''), run(scenario).trace.digest];
    }),
  );
}
