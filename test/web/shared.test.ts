import { expect, it } from 'vitest';
import { parseScenario } from '../../sim/scenario/parse.ts';
import { textToKeep } from '../../web/share/shared.ts';

const TEXT = `title: Two orders
story: |
  seed: is a word here, too
broker: sqs
duration: 20s
queues: { orders: {} }
producers: { shop: { to: orders, rate: 1/s, messages: 2 } }
consumers: { packer: { from: orders, process: 2s } }`;

const seedIn = (text: string): string | undefined => parseScenario(text, { file: 'a.yaml' }).scenario?.seed;
const kept = (text: string, seed: string | null): string =>
  textToKeep({ text, seed, scenario: parseScenario(text, { file: 'a.yaml' }).scenario });

it.each(['7', '007', 'it\'s "x" # $&', 'true'])('the seed %j that was chosen is in the file that is kept', (seed) => {
  expect(seedIn(kept(TEXT, seed))).toBe(seed);
  expect(seedIn(kept(`${TEXT}\nseed: 3 # mine\n`, seed))).toBe(seed);
});

it('without a chosen seed, or with the same, the file is as it was', () => {
  expect(kept(TEXT, null)).toBe(TEXT);
  expect(kept(`${TEXT}\nseed: 3 # mine\n`, '3')).toBe(`${TEXT}\nseed: 3 # mine\n`);
});
