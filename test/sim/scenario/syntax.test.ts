import { describe, expect, it } from 'vitest';
import { Source } from '../../../sim/scenario/source.ts';

/** What is said about a text: `line:column message`. */
function said(text: string): readonly string[] {
  const { diagnostics } = new Source(text, 'f', {});
  return diagnostics.map(({ line, column, message }) => `${line}:${column} ${message}`);
}

describe('what is no YAML is told where it is mended', () => {
  it.each([
    ['a: 1\nb:\n  c: { d: e, f: g\nh:\n  i: { j: k }\n', '3:6 `{` is opened here and not closed.'],
    ['claims: [a, b\nb: 1\n', '1:9 `[` is opened here and not closed.'],
    ['a: { b: { c: 1 }\nd: 2\n', '1:4 `{` is opened here and not closed.'],
    ['a: [ b }\n', '1:4 `[` is opened here and not closed.'],
    ['a:\n  - { b: 1, c: d\n  - { b: 2, c: d }\n', '2:5 `{` is opened here and not closed.'],
    ['a: { b: 1 # }\nc: 2\n', '1:4 `{` is opened here and not closed.'],
    ['title: "Photos\nbroker: sqs\nqueues: {}\n', '1:8 a quote is opened here and not closed.'],
    ["title: 'Photos\nbroker: sqs\n", '1:8 a quote is opened here and not closed.'],
    ['a: 1\nb:\n  c: 1\n  proc', '4:3 `proc` stands where a key is wanted, without a colon.'],
    ['a: 1\nproc\nb: 2\n', '2:1 `proc` stands where a key is wanted, without a colon.'],
    ['a:1\nb: 2\n', '1:1 `a:1` stands where a key is wanted, without a colon.'],
    ['title: Photos: the queue\nb: 1\n', '1:8 this value has a colon in it, so that it looks like another key.'],
    ['a:\n  late: 1\n   later: 2\n', '3:4 this line is indented as if it went on with the value above.'],
    ['b:\n    c: 1\n   d: 2\n', '3:4 this line is indented otherwise than those that it belongs to.'],
    ['a:\n  - x\n  b: 1\n', '3:3 this line is indented otherwise than those that it belongs to.'],
    ['a:\n  b: 1\n\tc: 2\n', '3:1 a tab is used as indentation.'],
    ['a: { b: 1 }}\nc: 1\nd: 2\n', '1:12 there is a `}` too many.'],
    ['a: { b: 1 c: 2 }\n', '1:9 a comma is missing in these brackets.'],
    ['a: { b: 1,, c: 2 }\n', '1:11 there is a comma too many.'],
    ['a: @x\n', '1:4 `@` cannot begin a word.'],
    ['a: >x\n  b\n', '1:5 this is not YAML: Block scalar header includes extra characters: >x.'],
    ['a: {}b: 1\n', '1:6 the value has ended before this.'],
    ['a: "x" y\n', '1:8 the value has ended before this.'],
  ])('%j', (text, expected) => {
    expect(said(text)).toEqual([expected]);
  });

  it('each mistake of its own line is told', () => {
    expect(said('a:\n\tb: 1\nc: 2\nd: @e\n')).toEqual([
      '2:1 a tab is used as indentation.',
      '4:4 `@` cannot begin a word.',
    ]);
  });
});

describe('a mistake in what is read twice', () => {
  it('is told once', () => {
    const source = new Source('a: 1\na: 2\n', 'f', {});
    source.entries(source.root);
    source.entries(source.root);
    expect(source.finish()).toHaveLength(1);
  });
});
