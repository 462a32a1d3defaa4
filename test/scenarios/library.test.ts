/** Every file of the library is a test: it reads without a remark, tells its story, and what it claims and expects comes out. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { judge } from '../../sim/checks/index.ts';
import type { Ending } from '../../sim/ending.ts';
import { report } from '../../sim/report.ts';
import { claimsIn, evaluateAll } from '../../sim/scenario/expect.ts';
import { parseScenario } from '../../sim/scenario/parse.ts';
import type { Scenario, When } from '../../sim/scenario/types.ts';
import type { Trace } from '../../sim/trace.ts';
import { run } from '../../sim/world.ts';
import { digestsOf } from '../sim/digests.ts';
import { libraryFiles } from './files.ts';

const written: Readonly<Record<string, string>> = JSON.parse(readFileSync('scenarios/digests.json', 'utf8'));
const files = libraryFiles();
const stories = files.filter(({ lesson }) => lesson !== 'exercises');

/** Facts of a story that one can step through, and of one that shows a load. */
const LOAD_STORIES = 'scenarios/scaling/';
const STEPPABLE_FACTS = 30_000;
const LOAD_FACTS = 250_000;
/** One page. */
const LINES = 75;

interface Played {
  readonly scenario: Scenario;
  readonly trace: Trace;
  readonly ending: Ending;
}

const played = new Map<string, Played>();

/** Runs a file once for all tests of this module. */
function play(path: string): Played {
  const known = played.get(path);
  if (known !== undefined) return known;
  const file = files.find((one) => one.path === path);
  const { scenario, diagnostics } = parseScenario(file?.text ?? '', { file: path });
  if (scenario === null) throw new Error(`${path}: ${diagnostics[0]?.message ?? 'unreadable'}`);
  const { trace, ending } = run(scenario);
  const now = { scenario, trace, ending };
  played.set(path, now);
  return now;
}

/** As in the list of digests. */
function nameOf(path: string): string {
  return path.replace(/^scenarios\/|\.yaml$/g, '');
}

/** How often the moment of a caption or a timeline's line comes in a run. */
function occasions(trace: Trace, when: When): number {
  if (when.type === 'at') return when.atUs <= trace.endedAtUs ? 1 : 0;
  const concerns = (actor: number): boolean => {
    const { name, group } = trace.actors[actor] ?? { name: '', group: '' };
    return name === when.actor || group === when.actor;
  };
  let count = 0;
  for (let id = 1; id <= trace.count; id++) {
    if (trace.name(id) !== when.fact || (when.message > 0 && trace.messageOf(id) !== when.message)) continue;
    if (when.actor === null || concerns(trace.actor(id)) || concerns(trace.peer(id))) count++;
  }
  return count;
}

describe('the library', () => {
  it('has a file for each story that the lessons need, and the page’s first one', () => {
    expect(stories.length).toBeGreaterThanOrEqual(28);
    expect(files.map(({ path }) => path)).toContain('scenarios/why-queues/photo-queue.yaml');
    expect(files.filter(({ lesson }) => lesson === 'exercises')).toHaveLength(8);
  });

  it('gives no two files the same title', () => {
    const titles = files.map(({ path }) => play(path).scenario.title);
    expect(new Set(titles).size).toBe(titles.length);
  });
});

describe.each(files)('$path', ({ path, text, lesson }) => {
  it('is read without a remark, and fits on a page', () => {
    expect(parseScenario(text, { file: path }).diagnostics).toEqual([]);
    expect(text.split('\n').length).toBeLessThanOrEqual(LINES);
  });

  it('tells its story in two to four sentences', () => {
    const { scenario } = play(path);
    expect(scenario.title.length).toBeGreaterThan(10);
    const sentences = scenario.story.split(/(?<=[.?!])\s+/).length;
    expect(sentences).toBeGreaterThanOrEqual(2);
    expect(sentences).toBeLessThanOrEqual(6);
    if (lesson !== 'exercises') expect(scenario.story).toContain('?');
  });

  it('ends at its own end, within limits that a person can follow', () => {
    const { trace, ending } = play(path);
    expect(ending).toBe('duration');
    expect(trace.count).toBeLessThan(path.startsWith(LOAD_STORIES) ? LOAD_FACTS : STEPPABLE_FACTS);
  });

  it('has the digest that is checked in (`npm run digests` writes them anew)', () => {
    expect(play(path).trace.digest).toBe(written[nameOf(path)]);
  });

  it('shows what it sets out to show', () => {
    const { scenario, trace } = play(path);
    const happened = new Set(Array.from({ length: trace.count }, (_, i) => trace.name(i + 1)));
    expect(scenario.exercised.filter((fact) => !happened.has(fact as never))).toEqual([]);
  });

  it('comes to each of its captions, and to each line of its timeline', () => {
    const { scenario, trace } = play(path);
    for (const { when } of [...scenario.captions, ...scenario.timeline]) {
      expect(occasions(trace, when), JSON.stringify(when)).toBeGreaterThanOrEqual(when.type === 'fact' ? when.nth : 1);
    }
    // What is said after the last fact is said of nothing that moves.
    for (const { when, text } of scenario.captions) {
      if (when.type === 'at') expect(when.atUs, text).toBeLessThanOrEqual(trace.time(trace.count));
    }
  });
});

it('the library gives the same digests once more', () => {
  expect(digestsOf()).toEqual(written);
}, 240_000);

/** The first lane of a file has its name in the list of digests. */
const lanes = files.flatMap(({ path, text }) =>
  (parseScenario(text, { file: path }).under?.lanes ?? []).map((under, i) => {
    return { path, text, under, name: i === 0 ? nameOf(path) : `${nameOf(path)}@${under}` };
  }),
);

describe.each(lanes)('$path under $under', ({ path, text, under, name }) => {
  it('is read without a remark, and comes out as it states', () => {
    const { scenario, diagnostics } = parseScenario(text, { file: path, under });
    expect(diagnostics).toEqual([]);
    if (scenario === null) throw new Error(`${path} cannot be run under ${under}`);
    const { claims, expect: expected, notExercised, ending, digest } = report(run(scenario), scenario.seed);
    expect(digest).toBe(written[name]);
    expect(claims.filter(({ agrees }) => !agrees)).toEqual([]);
    expect(expected.filter(({ holds }) => !holds)).toEqual([]);
    expect({ notExercised, ending }).toEqual({ notExercised: [], ending: 'duration' });
  });
});

describe.each(stories)('$path', ({ path }) => {
  it('has captions, claims and expectations', () => {
    const { scenario } = play(path);
    expect(scenario.captions.length).toBeGreaterThanOrEqual(2);
    const verdictsAsked = claimsIn(scenario.expect.map((one) => one.text)).length;
    expect(scenario.claims.length + verdictsAsked).toBeGreaterThanOrEqual(1);
    expect(scenario.expect.length).toBeGreaterThanOrEqual(2);
  });

  it('has the verdicts that it states', () => {
    const { scenario, trace } = play(path);
    const verdicts = judge(trace, scenario).map(({ claim, scope, verdict }) => ({ claim, scope, verdict }));
    expect(verdicts).toEqual(scenario.claims);
  });

  it('has the numbers that it expects', () => {
    const { scenario, trace } = play(path);
    const texts = scenario.expect.map((one) => one.text);
    const verdicts = judge(trace, scenario, claimsIn(texts));
    const outcomes = evaluateAll(texts, { trace, scenario, verdicts });
    expect(outcomes.filter(({ holds }) => !holds).map(({ text, actual }) => `${text}, but it is ${actual}`)).toEqual(
      [],
    );
  });
});
