/** Random spans: mean, spread and tail are what the names say, and the same chance gives the same span. */
import { describe, expect, it } from 'vitest';
import { type Distribution, draw, happens, meanUs } from '../../../core/parts/distribution.ts';
import { seedDecider } from '../../../sim/choice.ts';

const N = 100_000;

function draws(distribution: Distribution): number[] {
  const decider = seedDecider('draws');
  const site = decider.site('work');
  return Array.from({ length: N }, (_, key) => draw(distribution, decider, site, key));
}

const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('the exponential distribution', () => {
  const values = draws({ type: 'exponential', meanUs: 1_000_000 });

  it('has its mean, and a standard deviation as large', () => {
    const m = mean(values);
    const deviation = Math.sqrt(mean(values.map((value) => (value - m) ** 2)));
    expect(Math.abs(m - 1e6)).toBeLessThan(15_000);
    expect(Math.abs(deviation - 1e6)).toBeLessThan(25_000);
  });

  it.each([0.5, 1, 2, 5, 8])('exceeds %f means as often as e to the minus that', (means) => {
    const expected = Math.exp(-means);
    const share = values.filter((value) => value > means * 1e6).length / N;
    expect(Math.abs(share - expected)).toBeLessThan(4 * Math.sqrt((expected * (1 - expected)) / N));
  });

  it('agrees with the logarithm to the microsecond, over all magnitudes of chance', () => {
    const site = { name: 'x' };
    for (let step = 0; step < 2 ** 30; step = step * 3 + 1) {
      const got = draw({ type: 'exponential', meanUs: 1_000_000 }, { choose: () => step }, site);
      expect(Math.abs(got - -Math.log((step + 0.5) / 2 ** 30) * 1e6)).toBeLessThanOrEqual(0.51);
    }
  });

  it('is never negative, and ends at about 21 means', () => {
    const at = (step: number) => draw({ type: 'exponential', meanUs: 1e6 }, { choose: () => step }, { name: 'x' });
    expect(at(2 ** 30 - 1)).toBe(0);
    expect(at(0)).toBeGreaterThan(21e6);
    expect(at(0)).toBeLessThan(22e6);
  });
});

describe('the uniform distribution', () => {
  it('reaches both ends and nothing beyond, with its mean in the middle', () => {
    const spec: Distribution = { type: 'uniform', minUs: 10, maxUs: 20 };
    const values = draws(spec);
    expect([Math.min(...values.slice(0, 1000)), Math.max(...values.slice(0, 1000))]).toEqual([10, 20]);
    expect(Math.abs(mean(values) - meanUs(spec))).toBeLessThan(0.05);
  });
});

describe('chance', () => {
  it('of nothing and of everything asks nobody', () => {
    const nobody = {
      choose: () => {
        throw new Error('asked');
      },
    };
    expect([happens(0, nobody, { name: 'x' }), happens(1, nobody, { name: 'x' })]).toEqual([false, true]);
    expect(draw({ type: 'constant', us: 5 }, nobody, { name: 'x' })).toBe(5);
  });

  it('of one in a hundred comes true once in a hundred', () => {
    const decider = seedDecider('1');
    const site = decider.site('coin');
    let count = 0;
    for (let key = 0; key < N; key++) if (happens(0.01, decider, site, key)) count++;
    expect(Math.abs(count - N / 100)).toBeLessThan(130);
  });
});
