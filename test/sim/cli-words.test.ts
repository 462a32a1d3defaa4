import { expect, it } from 'vitest';
import { meantWords, quoted, valuesOf, visible } from '../../sim/cli-words.ts';

it.each([
  ['help', '--help'],
  ['help run', 'run --help'],
  ['version', '--version'],
  ['run a.yaml --log', 'run a.yaml --log=notable'],
  ['run --log a.yaml', 'run --log=notable a.yaml'],
  ['run a.yaml --log all', 'run a.yaml --log all'],
  ['run -- --log', 'run -- --log'],
  ['run help', 'run help'],
])('%s means %s', (words, meant) => {
  expect(meantWords(words.split(' '))).toEqual(meant.split(' '));
});

it.each([
  [['--seed', '007'], ['007']],
  [['--seed=1e3'], ['1e3']],
  [['--seed', '--json'], []],
  [['--seed='], ['']],
  [
    ['--set', 'a=1', 'x', '--set=b=2'],
    ['a=1', 'b=2'],
  ],
  [['--', '--seed', '7'], []],
])('%j gives %j', (words, values) => {
  expect(valuesOf(words, words.join(' ').includes('--set') ? '--set' : '--seed')).toEqual(values);
});

it.each([
  ['scenarios/a-b.yaml', 'scenarios/a-b.yaml'],
  ['limits.facts=500', 'limits.facts=500'],
  ['my file.yaml', '"my file.yaml"'],
  ['$(touch x)', "'$(touch x)'"],
  ['`x`', "'`x`'"],
  ["it's $x", "'it'\\''s $x'"],
])('%s is one word for a shell when it is written %s', (word, written) => {
  expect(quoted(word)).toBe(written);
});

it.each([
  ['Größe 📷 ünd\ttab\n', 'Größe 📷 ünd\ttab\n'],
  ['\u001b[32m✓\u001b[39m', '\u001b[32m✓\u001b[39m'],
  ['\u001b[2Jgone', '\\u001b[2Jgone'],
  ['\u001b]0;title\u0007', '\\u001b]0;title\\u0007'],
  ['\u009b31m', '\\u009b31m'],
  ['\u202efdp.exe', '\\u202efdp.exe'],
])('a terminal is shown %j as %j', (text, shown) => {
  expect(visible(text)).toBe(shown);
});
