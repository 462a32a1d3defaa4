/**
 * A directory of broken scenario files, each with what the parser says about it beside it. After a change of wording: `UPDATE=1 npx vitest run
 * test/sim/scenario/broken.test.ts`, and read the difference like code.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { renderDiagnostics } from '../../../sim/scenario/diagnostics.ts';
import { parseScenario } from '../../../sim/scenario/parse.ts';
import { KINDS } from './kinds.ts';

const directory = fileURLToPath(new URL('./broken/', import.meta.url));
const files = readdirSync(directory).filter((file) => file.endsWith('.yaml'));

describe('a broken file', () => {
  it('exists for each kind of mistake', () => {
    expect(files.length).toBeGreaterThanOrEqual(40);
  });

  it.each(files)('%s gets its diagnostic', (file) => {
    const { scenario, diagnostics } = parseScenario(readFileSync(directory + file, 'utf8'), { file, brokers: KINDS });
    expect(scenario).toBeNull();
    const said = `${renderDiagnostics(diagnostics)}\n`;
    const expected = `${directory}${file.replace('.yaml', '.expected.txt')}`;
    if (process.env['UPDATE'] === '1') writeFileSync(expected, said);
    expect(existsSync(expected)).toBe(true);
    expect(said).toBe(readFileSync(expected, 'utf8'));
  });
});

describe('a hostile file', () => {
  const head = 'title: Too much\nbroker: sqs\nduration: 1m\n';
  const hostile: readonly (readonly [string, string, string])[] = [
    ['10 MB of YAML', `${head}claims:\n${'  - at-least-once\n'.repeat(600_000)}`, 'characters'],
    ['1 MB of brackets', '['.repeat(999_999), 'nested too deeply'],
    ['1 MB of dashes', '- '.repeat(499_999), 'nested too deeply'],
    ['1 MB of question marks', '? '.repeat(499_999), 'nested too deeply'],
    ['as many after a key', `${head}x: ${'? '.repeat(450_000)}`, 'nested too deeply'],
    ['400,000 empty lists', head + '[]'.repeat(400_000), 'opens 400000 lists and maps'],
    [
      '1 MB of indentation',
      Array.from({ length: 1300 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'),
      'nested too deeply',
    ],
    ['20,000 keys', head + Array.from({ length: 20_000 }, (_, i) => `k${i}: 1`).join('\n'), 'more mistakes'],
    ['20,000 equal keys', head + 'seed: 1\n'.repeat(20_000), 'given twice'],
    ['20,000 syntax errors', `${head}${'a: b: c\n'.repeat(20_000)}`, 'looks like another key'],
    ['10,000 open brackets', `${head}${'a: { b\nc: }\n'.repeat(10_000)}`, 'not closed'],
    [
      '20,000 queues',
      `${head}queues:\n${Array.from({ length: 20_000 }, (_, i) => `  q${i}: {}`).join('\n')}`,
      'at most',
    ],
    ['a number of 900,000 digits', `${head}seed: ${'9'.repeat(900_000)}\n`, 'does not fit'],
    ['a key of 900,000 letters', `${head}${'k'.repeat(900_000)}: 1\n`, 'not YAML'],
    [
      '20,000 anchors and aliases',
      `${head}claims: [${Array.from({ length: 20_000 }, (_, i) => `&a${i} x, *a${i}`).join(', ')}]`,
      'at most',
    ],
  ];

  // What is not refused at once takes longer than a test may.
  it.each(hostile)('of %s is refused', (_, text, said) => {
    const { scenario, diagnostics } = parseScenario(text, { file: 'hostile.yaml', brokers: KINDS });
    expect(scenario).toBeNull();
    expect(renderDiagnostics(diagnostics)).toContain(said);
    expect(renderDiagnostics(diagnostics).length).toBeLessThan(20_000);
  });
});
