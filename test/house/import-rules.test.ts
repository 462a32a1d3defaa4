// The rules between the folders live in biome.json. Each is shown here to fire, because a rule that never does looks like a clean
// house. All planted files are linted at once, in a folder of their own.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

interface Planted {
  readonly path: string;
  readonly source: string;
  /** What the linter must say about it; '' where it must be content. */
  readonly complaint: string;
}

const planted: readonly Planted[] = [
  { path: 'core/up.ts', source: "import '../sim/world.ts';", complaint: 'core imports nothing above it.' },
  { path: 'core/parts/up.ts', source: "import '../../web/lab.ts';", complaint: 'core imports nothing above it.' },
  { path: 'core/package.ts', source: "import 'd3';", complaint: 'core imports no packages' },
  { path: 'core/scoped.ts', source: "import '@scope/name';", complaint: 'core imports no packages' },
  { path: 'core/node.ts', source: "import 'node:fs';", complaint: 'core imports no packages' },
  { path: 'core/date.ts', source: 'export const x = Date.now();', complaint: 'global variable Date' },
  { path: 'core/timer.ts', source: 'setTimeout(() => {}, 1);', complaint: 'global variable setTimeout' },
  { path: 'core/promise.ts', source: 'export const x = Promise.resolve();', complaint: 'global variable Promise' },
  { path: 'core/random.ts', source: 'export const x = Math.random();', complaint: 'Chance comes from the chooser' },
  { path: 'core/log.ts', source: 'export const x = Math.log(2);', complaint: 'Chance comes from the chooser' },
  { path: 'core/power.ts', source: 'export const x = (n: number) => n ** n;', complaint: 'Powers may differ' },
  { path: 'core/locale.ts', source: "export const x = 'a'.localeCompare('b');", complaint: "the machine's locale" },
  { path: 'core/cycle-a.ts', source: "export { b } from './cycle-b.ts';", complaint: 'part of a cycle' },
  {
    path: 'core/cycle-b.ts',
    source: "export { a } from './cycle-a.ts';\nexport const b = 1;",
    complaint: 'part of a cycle',
  },
  {
    path: 'core/fine.ts',
    source: "import './parts/fine.ts';\n\nexport const x = Math.floor(7 / 2) >>> 0;",
    complaint: '',
  },
  { path: 'core/constant.ts', source: 'export const x = 2 ** 30;', complaint: '' },
  { path: 'core/parts/fine.ts', source: "import '../package.ts';", complaint: '' },

  { path: 'sim/svelte.ts', source: "import 'svelte';", complaint: 'sim knows neither browser nor screen.' },
  { path: 'sim/folds/d3.ts', source: "import 'd3-scale';", complaint: 'sim knows neither browser nor screen.' },
  {
    path: 'sim/folds/web.ts',
    source: "import '../../web/lab.ts';",
    complaint: 'sim knows neither browser nor screen.',
  },
  { path: 'sim/node.ts', source: "import 'node:fs';", complaint: 'Only sim/cli*.ts touches files' },
  { path: 'sim/date.ts', source: 'export const x = Date.now();', complaint: 'global variable Date' },
  { path: 'sim/random.ts', source: 'export const x = Math.random();', complaint: 'Chance comes from the chooser' },
  { path: 'sim/cli-web.ts', source: "import '../web/lab.ts';", complaint: 'sim knows neither browser nor screen.' },
  { path: 'sim/cli-fine.ts', source: "import 'node:fs';\n\nexport const x = Date.now();", complaint: '' },
  { path: 'sim/fine.ts', source: "import '../core/fine.ts';\nimport 'yaml';", complaint: '' },

  { path: 'web/value.ts', source: "import '../core/fine.ts';", complaint: 'only types of core' },
  {
    path: 'web/named.ts',
    source: "import { x } from '../core/fine.ts';\n\nexport const y = x;",
    complaint: 'only types of core',
  },
  {
    path: 'web/mixed.ts',
    source: "import { type X, x } from '../core/fine.ts';\n\nexport const y: X = x;",
    complaint: 'only types of core',
  },
  { path: 'web/handed-on.ts', source: "export { x } from '../core/fine.ts';", complaint: 'only types of core' },
  {
    path: 'web/later.ts',
    source: "export const x = () => import('../core/fine.ts');",
    complaint: 'only types of core',
  },
  {
    path: 'web/ui/Button.svelte',
    source: '<script lang="ts">\nimport { x } from \'../../core/fine.ts\';\n</script>\n\n{x}\n',
    complaint: 'only types of core',
  },
  { path: 'web/cli.ts', source: "import '../sim/cli.ts';", complaint: 'on sim alone' },
  { path: 'web/type.ts', source: "import type { X } from '../core/fine.ts';\n\nexport type Y = X;", complaint: '' },
  { path: 'web/fine.ts', source: "import '../sim/fine.ts';\nimport 'd3';", complaint: '' },
];

const folder = mkdtempSync(join(tmpdir(), 'queuelab-rules-'));
let complaints: readonly string[] = [];

beforeAll(() => {
  for (const rules of ['biome.json', 'no-math-random.grit', 'types-only-from-core.grit'])
    cpSync(rules, join(folder, rules));
  for (const { path, source } of planted) {
    mkdirSync(join(folder, dirname(path)), { recursive: true });
    writeFileSync(join(folder, path), source);
  }
  const { stdout } = spawnSync(
    resolve('node_modules/.bin/biome'),
    ['lint', '--vcs-enabled=false', '--reporter=github', '--max-diagnostics=1000', '.'],
    { cwd: folder, encoding: 'utf8' },
  );
  complaints = stdout.split('\n').filter((line) => line.startsWith('::error'));
});
afterAll(() => rmSync(folder, { recursive: true }));

it.each(planted)('$path: $complaint', ({ path, complaint }) => {
  const said = complaints.filter((line) => line.includes(`/${path},`)).join('\n');
  if (complaint === '') expect(said).toBe('');
  else expect(said).toContain(complaint);
});
