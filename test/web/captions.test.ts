import { expect, it } from 'vitest';
import { cardOf } from '../../web/share/card.ts';
import { roughly } from '../../web/share/svg.ts';
import { captionsBetween } from '../../web/stage/captions.ts';

const CAPTIONS = [
  { fact: 10, text: 'first', question: '' },
  { fact: 20, text: 'second', question: 'why?' },
  { fact: 30, text: 'third', question: '' },
];
const seconds = (fact: number): number => fact * 1_000_000;
const between = (from: number, to: number): string[] =>
  captionsBetween(CAPTIONS, seconds, 'A story. The rest of it.', seconds(from), seconds(to)).map(({ text }) => text);

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
