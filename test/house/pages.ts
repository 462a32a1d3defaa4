/** The brokers' pages as they should be now: what the script writes and the test compares. */
import { readdirSync, readFileSync } from 'node:fs';
import { BROKERS } from '../../core/brokers/index.ts';
import { brokerIndex, brokerPage, type Rules, type SourceFile } from '../../sim/broker-pages.ts';

/** What runs and folds the brokers, in the order of paths; what holds them to cases (sim/conform) carries no rule out. */
export function sources(): readonly SourceFile[] {
  return ['core', 'sim']
    .flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((path) => path.endsWith('.ts'))
        .map((path) => `${folder}/${path.replaceAll('\\', '/')}`),
    )
    .filter((path) => !path.startsWith('sim/conform/'))
    .sort()
    .map((path) => ({ path, text: readFileSync(path, 'utf8') }));
}

/** The numbered rules of each kind of broker, with the addresses of the pages that they come from. */
export function rulesByKind(): Readonly<Record<string, Rules>> {
  return JSON.parse(readFileSync('docs/brokers/rules.json', 'utf8')) as Readonly<Record<string, Rules>>;
}

export function brokerPages(): readonly { readonly path: string; readonly text: string }[] {
  const files = sources();
  const rules = rulesByKind();
  const kinds = Object.values(BROKERS);
  return [
    { path: 'docs/brokers/README.md', text: brokerIndex(kinds) },
    ...kinds.map((kind) => ({
      path: `docs/brokers/${kind.kind}.md`,
      text: brokerPage(kind, rules[kind.kind] ?? {}, files),
    })),
  ];
}
