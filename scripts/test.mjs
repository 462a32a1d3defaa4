// `npm test`: every check of the repository, whatever became of the one before. Ends with exactly one line
// `N passed, N failed`; each test counts as one, and so does each step that is not a set of tests. The exit status is 1 if
// anything failed. A skipped test counts as failed, because it shows nothing. With arguments only these parts run: `checks`,
// `unit`, `browser` (`npm run check` is the first).
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../', import.meta.url)).replace(/[/\\]$/, '');
const bin = (/** @type {string} */ name) => `node_modules/.bin/${name}`;

const parts = process.argv.slice(2);
const wanted = (/** @type {string} */ part) => parts.length === 0 || parts.includes(part);

/** Where the page that the browser tests open is built while the types are looked at; without the checks these tests build one for themselves. */
const web = wanted('checks') && wanted('browser') ? 'dist/test/web' : '';
const page = [
  { name: 'page builds', command: [bin('vite'), 'build', '--outDir', `../${web}`, '--emptyOutDir'] },
  {
    name: 'player builds',
    command: [bin('vite'), 'build', '-c', 'vite.player.config.ts', '--outDir', `../${web}/player`, '--emptyOutDir'],
  },
];

/** A step without tests: its output matters only when it fails. */
const types = { name: 'types', command: [bin('svelte-check'), '--tsconfig', './tsconfig.json', '--fail-on-warnings'] };
/** These take another core while the types keep one busy. What the tests need is built last; then they begin, though the types may not have come to their end. */
const checks = [
  { name: 'lint, format, import rules', command: [bin('biome'), 'check', '--error-on-warnings', '.'] },
  { name: 'unused code', command: [bin('knip'), '--no-config-hints'] },
  { name: 'command line builds', command: [bin('vite'), 'build', '-c', 'vite.cli.config.ts'] },
  ...(web === '' ? [] : page),
];

/** Sets of tests, by the name of their project in vitest.config.ts. */
const suites = [
  { name: 'units, properties, transcripts, digests', project: 'unit' },
  { name: 'browser', project: 'browser' },
];

const known = ['checks', ...suites.map((suite) => suite.project)];
const unknown = parts.find((part) => !known.includes(part));
if (unknown !== undefined) {
  console.error(`npm test knows no part "${unknown}"; its parts are ${known.join(', ')}.`);
  process.exit(2);
}

let passed = 0;
let failed = 0;

// What cannot be built is not to be tested as it was built before.
if (web !== '') rmSync(`${root}/${web}`, { recursive: true, force: true });
let typed = Promise.resolve();
if (wanted('checks')) {
  console.log(`${[types, ...checks].map(({ name }) => name).join('; ')} ...`);
  typed = check(types);
  for (const step of checks) await check(step);
}

mkdirSync(`${root}/dist/test`, { recursive: true });
for (const { name, project } of suites.filter((suite) => wanted(suite.project))) {
  console.log(`${name} ...`);
  const startedAt = Date.now();
  const countsFile = `dist/test/${project}.json`;
  rmSync(`${root}/${countsFile}`, { force: true });
  const command = [bin('vitest'), 'run', '--project', project, '--reporter', './scripts/test-reporter.mjs'];
  const { ok } = await run(command, 'inherit', {
    QUEUELAB_TEST_COUNTS: countsFile,
    ...(web === '' ? {} : { QUEUELAB_WEB: `${root}/${web}` }),
  });
  const counts = readCounts(countsFile);
  passed += counts.passed;
  failed += counts.failed + counts.skipped;
  const clean = counts.passed > 0 && counts.failed + counts.skipped === 0;
  // No test at all, a broken set-up or an error outside of any test is a failure of the set itself.
  if (counts.passed === 0 || (!ok && clean)) failed++;
  if (counts.skipped > 0) console.log(`${name}: ${counts.skipped} skipped tests count as failed`);
  console.log(`${name} ... ${ok && clean ? 'ok' : 'FAILED'} (${secondsSince(startedAt)})`);
}

await typed;
process.exitCode = failed === 0 ? 0 : 1;
console.log(`${passed} passed, ${failed} failed`);

/**
 * Runs a step without tests, says what became of it, and counts it.
 * @param {{ name: string, command: string[] }} step
 */
async function check({ name, command }) {
  const startedAt = Date.now();
  const { ok, output } = await run(command, 'pipe');
  console.log(`${name} ... ${ok ? 'ok' : 'FAILED'} (${secondsSince(startedAt)})`);
  if (ok) passed++;
  else failed++;
  if (!ok) console.log(`${output.trimEnd()}\n`);
}

/**
 * Runs a command in the root to its end; its output goes where ours goes, or is collected.
 * @param {string[]} command
 * @param {'inherit' | 'pipe'} output
 * @param {Record<string, string>} [env]
 * @returns {Promise<{ ok: boolean, output: string }>}
 */
function run(command, output, env = {}) {
  return new Promise((resolve) => {
    const [file = '', ...args] = command;
    const child = spawn(file, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', output, output],
      shell: process.platform === 'win32',
    });
    let text = '';
    const collect = (/** @type {Buffer} */ chunk) => {
      text += chunk;
    };
    child.stdout?.on('data', collect);
    child.stderr?.on('data', collect);
    child.on('error', (error) => resolve({ ok: false, output: `${text}${error.message}` }));
    child.on('close', (status) => resolve({ ok: status === 0, output: text }));
  });
}

/**
 * What test-reporter.mjs counted; nothing at all if vitest never came to its end.
 * @param {string} file
 * @returns {{ passed: number, failed: number, skipped: number }}
 */
function readCounts(file) {
  try {
    return JSON.parse(readFileSync(`${root}/${file}`, 'utf8'));
  } catch {
    return { passed: 0, failed: 0, skipped: 0 };
  }
}

/** @param {number} startedAt */
function secondsSince(startedAt) {
  return `${((Date.now() - startedAt) / 1000).toFixed(1)} s`;
}
