import { expect, it } from 'vitest';
import { setting, valueWords } from '../../web/exercise/knobs.ts';

it.each([
  ['30s', '30\u00a0s'],
  ['1h 30m', '1\u00a0h 30\u00a0m'],
  ['user', 'user'],
  ['3/s', '3/s'],
  [5, '5'],
  [null, 'none'],
  [{ set: 'photos' }, 'set: photos'],
  [{ a: 1, b: 2 }, '{a:1,b:2}'],
])('a knob at %j is read as "%s"', (value, words) => {
  expect(valueWords(value)).toBe(words);
});

it('it is written into the file as the file had it', () => {
  expect(setting('queues.jobs.VisibilityTimeout', '30s')).toBe('queues.jobs.VisibilityTimeout="30s"');
});
