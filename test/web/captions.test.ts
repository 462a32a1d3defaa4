import { describe, expect, it } from 'vitest';
import { parseScenario } from '../../sim/scenario/parse.ts';
import { run } from '../../sim/world.ts';
import { cardOf } from '../../web/share/card.ts';
import { roughly } from '../../web/share/svg.ts';
import { CaptionFinder, captionAt, captionsBetween } from '../../web/stage/captions.ts';

const seconds = (fact: number): number => fact * 1_000_000;
const CAPTIONS = [
  { fact: 10, timeUs: seconds(10), isTimed: false, text: 'first', question: '' },
  { fact: 20, timeUs: seconds(20), isTimed: false, text: 'second', question: 'why?' },
  { fact: 30, timeUs: seconds(30), isTimed: false, text: 'third', question: '' },
];
const between = (from: number, to: number): string[] =>
  captionsBetween(CAPTIONS, 'A story. The rest of it.', seconds(from), seconds(to)).map(({ text }) => text);

it('between two times the caption is shown that was there already, and those that come', () => {
  expect(between(15, 25)).toEqual(['first', 'second']);
  expect(between(20, 29)).toEqual(['second']);
  expect(between(31, 99)).toEqual(['third']);
  expect(between(1, 9)).toEqual([]);
  expect(between(0, 10)).toEqual(['A story.', 'first']);
});

it('a card over a picture has its words in lines that fit, and is as high as they are', () => {
  const caption = { text: 'The corrupt image has killed its first worker, and goes back.', question: 'Why?' };
  const wide = cardOf(caption, 900, roughly);
  const narrow = cardOf(caption, 200, roughly);
  expect(wide.says).toEqual([caption.text]);
  expect(narrow.says.length).toBeGreaterThan(2);
  for (const line of narrow.says) expect(roughly(line, '400 14px x')).toBeLessThanOrEqual(150);
  expect(narrow.says.join(' ')).toBe(caption.text);
  expect(narrow.height - wide.height).toBe(20 * (narrow.says.length - 1));
});

it('a card of a word that fits on no line, and of none, stays a card', () => {
  expect(cardOf({ text: 'x'.repeat(300), question: '' }, 200, roughly)).toMatchObject({
    says: ['x'.repeat(300)],
    asks: [],
  });
});

describe('a caption of a time', () => {
  const text = `title: Silence
duration: 1min
broker: sqs
queues: { jobs: {} }
producers: { app: { to: jobs, send: [{ at: 1s }, { at: 30s }] } }
captions:
  - { at: 1s, text: sent }
  - { at: 20s, text: still silent }
  - { at: 50s, text: silent again }
`;
  const { scenario } = parseScenario(text, { file: 'silence.yaml' });
  if (scenario === null) throw new Error('not read');
  const { trace } = run(scenario, { seed: '1' });

  it('is not there before the run has come so far, and is there when it ended in silence', () => {
    const finder = new CaptionFinder(scenario, trace);
    expect(finder.upTo(trace.count, false).map((one) => one.text)).toEqual(['sent', 'still silent']);
    expect(finder.upTo(trace.count, true).map((one) => one.text)).toEqual(['sent', 'still silent', 'silent again']);
    expect(finder.upTo(trace.count, true)).toHaveLength(3);
  });

  it('appears at that time, although nothing happens then', () => {
    const captions = new CaptionFinder(scenario, trace).upTo(trace.count, true);
    const at = (second: number) => {
      let fact = trace.count;
      while (fact > 0 && trace.time(fact) > seconds(second)) fact--;
      return captionAt(captions, fact, '', seconds(second))?.text;
    };
    expect([10, 19.9, 20, 29, 31, 49, 50].map(at)).toEqual([
      'sent',
      'sent',
      'still silent',
      'still silent',
      'still silent',
      'still silent',
      'silent again',
    ]);
  });
});
