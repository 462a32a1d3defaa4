/** The brokers' pages as they should be now: what the script writes and the test compares. */
import { readdirSync, readFileSync } from 'node:fs';
import { BROKERS } from '../../core/brokers/index.ts';
import { brokerIndex, brokerPage, type Rules, type SourceFile } from '../../sim/broker-pages.ts';

const FOLDERS = ['core', 'sim'];

/** Sources of the brokers, their clients and what judges them, in the order of their paths. */
export function sources(): readonly SourceFile[] {
  return FOLDERS.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .map((path) => `${folder}/${path.replaceAll('\\', '/')}`),
  )
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
