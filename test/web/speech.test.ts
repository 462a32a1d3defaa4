import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { run as runWorld } from '../../sim/world.ts';
import { FactsIndex, lineLooks } from '../../web/facts-index.ts';
import { readScenario } from '../../web/reading.ts';
import { Commentary, factWords, jumpWords, pauseWords, SAID_MS, type Told } from '../../web/speech.ts';

function told(path: string): Told {
  const text = readFileSync(`scenarios/${path}.yaml`, 'utf8');
  const { scenario } = readScenario({ file: path, text, sets: [], lines: [], under: null });
  if (scenario === null) throw new Error(path);
  const { trace } = runWorld(scenario);
  const index = new FactsIndex(trace, lineLooks(scenario.timeline));
  while (index.extend(10_000));
  return { trace, scenario, index };
}

const run = told('why-queues/first-message');
const factAt = (us: number): number => run.trace.lastAt(us);

it('a jump says its moment and the fact, a pause where it stands', () => {
  expect(jumpWords(run, 0, 0)).toBe('At the start.');
  expect(jumpWords(run, factAt(12_000_000), 12_000_000)).toBe('At 0:12.000. packer crashed.');
  expect(jumpWords(run, factAt(13_000_000), 13_000_000)).toBe('At 0:13.000. packer crashed.');
  expect(pauseWords(run, factAt(9_000_000), 9_000_000)).toMatch(
    /^Paused at 0:09\.000, fact \d+ of \d+\. orders removed message 1/,
  );
});

it('a line of the timeline is told in its own words', () => {
  expect(factWords(run, 5)).toBe('Timeline: packer is shut down for 4 s.');
  expect(factWords(run, 0)).toBe('');
});

it('while it plays only what is notable is said, and what comes in a quick row is counted', () => {
  const comment = new Commentary();
  comment.begin(run, 0);
  const said: (readonly [number, string])[] = [];
  for (let ms = 0; ms <= 24_000; ms += 100) {
    const words = comment.at(run, factAt(ms * 1000), ms);
    if (words !== '') said.push([ms, words]);
  }
  expect(said.length).toBeGreaterThan(2);
  expect(said.length).toBeLessThanOrEqual(24_000 / SAID_MS + 1);
  for (const [i, [ms]] of said.entries()) expect(ms - (said[i - 1]?.[0] ?? -SAID_MS)).toBeGreaterThanOrEqual(SAID_MS);
  const all = said.map(([, words]) => words).join(' ');
  expect(all).toContain('packer crashed.');
  expect(all).toMatch(/orders handed message 2 to packer, 2nd time.* 2 more before it\./);
  expect(all).not.toContain('shop made message 1');
});

it('a playhead that goes back is not told what it has passed', () => {
  const comment = new Commentary();
  comment.begin(run, run.trace.count);
  expect(comment.at(run, 10, 0)).toBe('');
  expect(comment.at(run, run.trace.count, 10)).not.toBe('');
});
