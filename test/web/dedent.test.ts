import { expect, it } from 'vitest';
import { dedent } from '../../web/player/texts.ts';

it('a text between tags loses the indentation that all of its lines share, and no more', () => {
  expect(dedent('\n      title: A\n      queues:\n        q: {}\n\n    ')).toBe('title: A\nqueues:\n  q: {}\n');
  expect(dedent('\t\ttitle: A\n\t\tqueues:\n\t\t\tq: {}')).toBe('title: A\nqueues:\n  q: {}\n');
});
