import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { formatText } from '../../../sim/scenario/format.ts';

const FILES = readdirSync('scenarios', { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.yaml'))
  .sort();

describe('formatting', () => {
  it.each(FILES)('leaves %s as it is', (file) => {
    const text = readFileSync(`scenarios/${file}`, 'utf8');
    expect(formatText(text)).toEqual({ text, problem: '' });
  });

  const cases: readonly (readonly [what: string, before: string, after: string])[] = [
    ['indentation', 'queues:\n    jobs:\n        DelaySeconds: 1s\n', 'queues:\n  jobs:\n    DelaySeconds: 1s\n'],
    ['lists', 'expect:\n- a == 1\n-   b == 2\n', 'expect:\n  - a == 1\n  - b == 2\n'],
    ['spaces', 'broker:   sqs   \nqueues: {jobs: {},dlq:   {  }}\n', 'broker: sqs\nqueues: { jobs: {}, dlq: {} }\n'],
    ['brackets', 'claims: [ a,b,  c ]\n', 'claims: [a, b, c]\n'],
    ['empty lines', 'title: a\n\n\n\nbroker: sqs\n\n\n', 'title: a\n\nbroker: sqs\n'],
    [
      'remarks',
      '# top\na:   1    # one\n# before b\nb:\n      # in b\n      c:   2\n',
      '# top\na: 1 # one\n# before b\nb:\n  # in b\n  c: 2\n',
    ],
    [
      'words',
      "a:  'it''s'\nb:   \"x\\ty\"\nc:  007\nd:   1.50\ne: 0x1F\n",
      "a: 'it''s'\nb: \"x\\ty\"\nc: 007\nd: 1.50\ne: 0x1F\n",
    ],
    ['keys without values', 'queues:\n    jobs:\n    dlq:\n', 'queues:\n  jobs:\n  dlq:\n'],
    [
      'folded text',
      'story:   >\n      Once\n        upon\n      a time.\n\nbroker:  sqs\n',
      'story: >\n  Once\n    upon\n  a time.\n\nbroker: sqs\n',
    ],
    [
      'text over lines',
      'captions:\n  -   at: 1s\n      text: One\n         two.\n',
      'captions:\n  - at: 1s\n    text: One\n      two.\n',
    ],
    [
      'remarks beside keys',
      'links:   # long way\n    - 1\nmore:\n    # below\n    - 2\n',
      'links: # long way\n  - 1\nmore:\n  # below\n  - 2\n',
    ],
    ['a missing end of line', 'title: a', 'title: a\n'],
  ];

  it.each(cases)('sets %s right, once and for all', (_, before, after) => {
    expect(formatText(before)).toEqual({ text: after, problem: '' });
    expect(formatText(after)).toEqual({ text: after, problem: '' });
  });

  it('opens brackets that are too long for a line', () => {
    const long = `claims: [${Array.from({ length: 40 }, (_, i) => `claim-${i}`).join(', ')}]\n`;
    const { text, problem } = formatText(long);
    expect(problem).toBe('');
    expect(Math.max(...text.split('\n').map(({ length }) => length))).toBeLessThan(40);
  });

  it('refuses what is no YAML, and says where', () => {
    const text = 'title: a\nqueues: { jobs: [ }\n';
    expect(formatText(text)).toEqual({
      text,
      problem: expect.stringMatching(/^line 2: `\[` is opened here and not closed. Add `]` before `}`/),
    });
  });
});
