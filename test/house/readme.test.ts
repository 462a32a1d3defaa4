/** The one scenario of the README runs, and comes to what stands below it. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { report } from '../../sim/report.ts';
import { parseScenario } from '../../sim/scenario/parse.ts';
import { run } from '../../sim/world.ts';

/** The indented block that begins so, without its indent. */
function block(text: string, begin: string): string {
  const lines = text.slice(text.indexOf(`    ${begin}`)).split('\n');
  const end = lines.findIndex((line) => line !== '' && !line.startsWith('    '));
  return lines
    .slice(0, end)
    .map((line) => line.slice(4))
    .join('\n');
}

it("the README's scenario comes to what the README says", () => {
  const readme = readFileSync('README.md', 'utf8');
  const { scenario, diagnostics } = parseScenario(block(readme, 'title:'), { file: 'README.md' });
  if (scenario === null) throw new Error(JSON.stringify(diagnostics));
  const { claims, expect: expectations, messages } = report(run(scenario), scenario.seed);
  const said = block(readme, '5 sent');
  expect(said.split('\n')[0]).toContain(`${messages.sent} sent, ${messages.confirmed} confirmed, `);
  expect(said.split('\n').slice(2).join('\n').trimEnd()).toBe(
    [
      ...claims.map(({ claim, verdict, sentence }) => `✓ ${claim}: ${verdict}\n    ${sentence}`),
      ...expectations.map(({ text }) => `✓ ${text}`),
    ].join('\n'),
  );
  expect([...claims.map(({ agrees }) => agrees), ...expectations.map(({ holds }) => holds)]).not.toContain(false);
});
