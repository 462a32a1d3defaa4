/** What the inspector says of the hashes that a Key_Shared consumer owns. */
import { expect, it } from 'vitest';
import { hashWords } from '../../web/inspector/view.ts';

it('tells a few ranges one by one, and the many of a ring as a share', () => {
  expect(hashWords([{ start: 0, end: 100 }])).toBe('hashes 0–99');
  expect(hashWords([])).toBe('no hashes');
  const ring = Array.from({ length: 64 }, (_, i) => ({ start: i * 1024, end: i * 1024 + 512 }));
  expect(hashWords(ring)).toBe('50% of the hashes, in 64 ranges');
});
