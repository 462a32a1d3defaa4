/** Decisions: named streams that do not disturb each other, and tapes that say when they no longer fit. */
import { describe, expect, it } from 'vitest';
import { type Decision, mix, recorder, seedDecider, tapeDecider } from '../../sim/choice.ts';

describe('a seed', () => {
  it('decides by site and key alone, whatever else is asked in between', () => {
    const quiet = seedDecider('7');
    const busy = seedDecider('7');
    for (let i = 0; i < 50; i++) busy.choose(busy.site('noise'), 10);
    const ask = (decider: typeof quiet) => [1, 2, 3].map((key) => decider.choose(decider.site('loss'), 1000, key));
    expect(ask(busy)).toEqual(ask(quiet));
  });

  it('decides otherwise for another seed, site or key', () => {
    const of = (seed: string, site: string, key: number) => {
      const decider = seedDecider(seed);
      return decider.choose(decider.site(site), 2 ** 32, key);
    };
    const answers = [of('1', 'a', 1), of('2', 'a', 1), of('1', 'b', 1), of('1', 'a', 2)];
    expect(new Set(answers).size).toBe(4);
  });

  it('gives each of n answers its share', () => {
    const decider = seedDecider('shares');
    const site = decider.site('die');
    const seen = [0, 0, 0, 0, 0, 0];
    for (let key = 0; key < 60_000; key++) {
      const face = decider.choose(site, 6, key);
      seen[face] = (seen[face] ?? 0) + 1;
    }
    // A standard deviation is 91.
    for (const count of seen) expect(Math.abs(count - 10_000)).toBeLessThan(400);
  });

  it('does not let neighbouring keys decide alike', () => {
    let agreements = 0;
    for (let key = 0; key < 10_000; key++) if (mix(99, key) >>> 31 === mix(99, key + 1) >>> 31) agreements++;
    expect(Math.abs(agreements - 5000)).toBeLessThan(250);
  });
});

describe('a tape', () => {
  const record = () => {
    const tape: Decision[] = [];
    const decider = recorder(seedDecider('7'), tape);
    for (let i = 0; i < 5; i++) decider.choose(decider.site('a'), 100);
    return tape;
  };

  it('answers what was recorded, under any seed', () => {
    const tape = record();
    const replay = tapeDecider(tape, seedDecider('other'));
    expect(tape.map(() => replay.choose(replay.site('a'), 100))).toEqual(tape.map(({ value }) => value));
    expect(replay.mismatch()).toBeNull();
  });

  it('names the first question that does not fit, and the seed answers from there on', () => {
    const replay = tapeDecider(record(), seedDecider('7'));
    replay.choose(replay.site('a'), 100);
    replay.choose(replay.site('b'), 100);
    expect(replay.mismatch()).toBe('decision 2 is asked at b of 100; the tape has a of 100');
  });

  it('says when it is at its end', () => {
    const replay = tapeDecider([], seedDecider('7'));
    replay.choose(replay.site('a'), 2);
    expect(replay.mismatch()).toBe("decision 1 at a is beyond the tape's 0");
  });
});
