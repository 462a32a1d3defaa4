/**
 * Every scenario of the library is played from its beginning to its end by the page's own player, and then scrubbed to twenty moments anywhere in it: at each the stage
 * shows what a fold from the first fact on shows. A file in neutral words is played in one of its lanes. Another panel is open each time.
 */
import seedrandom from 'seedrandom';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { libraryFiles } from '../scenarios/files.ts';
import { settled } from './lab.ts';
import { type OpenedPage, openPage } from './page.ts';

const MOMENTS = 20;
/** So long a run is watched, about; quiet stretches are shortened as always. */
const WATCHED_MS = 250;
const PANELS = ['Log', 'Inspector', 'Diagram', 'Ledger', 'Charts', 'Verdicts'];

/** One that always goes the same way, and may be repeated by its name. */
const draw = seedrandom('plays');

const plays = libraryFiles().map((file, i) => {
  const lanes = (parse(file.text) as { readonly under?: readonly string[] }).under ?? [];
  const under = lanes[Math.floor(draw() * lanes.length)] ?? '';
  const shares = Array.from({ length: MOMENTS }, () => draw());
  return {
    name: under === '' ? file.path : `${file.path} under ${under}`,
    text: file.text,
    under,
    shares,
    panel: PANELS[i % PANELS.length] ?? '',
  };
});

let opened: OpenedPage;

beforeAll(async () => {
  // What is asked here is the same in any size, and a small page is painted sooner.
  opened = await openPage('', { viewport: { width: 900, height: 560 } });
  await settled(opened.page);
});

afterAll(() => opened.close());

it.each(plays)('$name plays to its end, and any moment of it is what a fold from the start shows', async (play) => {
  const { page, complaints } = opened;
  await page.getByRole('tab', { name: play.panel, exact: true }).click();
  const { text, under, shares } = play;
  const found = await page.evaluate(
    async ([yaml, lane, moments, watchedMs]) => {
      const { queuelab } = window;
      const frame = (): Promise<void> => new Promise((resolve) => requestAnimationFrame(() => resolve()));
      const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));
      queuelab.open(yaml, lane === '' ? undefined : lane);
      while (!queuelab.idle()) await frame();
      queuelab.goToFact(queuelab.moment().facts);
      const endUs = queuelab.moment().timeUs;
      queuelab.play(endUs / watchedMs);
      const passed: number[] = [];
      while (queuelab.moment().playing) {
        await frame();
        passed.push(queuelab.moment().fact);
      }
      const end = queuelab.moment();
      const shown = new Map<number, string>();
      for (const share of moments) {
        queuelab.goToTime(Math.floor(share * end.timeUs));
        await turn();
        shown.set(queuelab.moment().fact, queuelab.stage());
      }
      const facts = [...shown.keys()].sort((a, b) => a - b);
      const folded = queuelab.stagesFromStart(facts);
      const wrong = facts.flatMap((fact, i) =>
        shown.get(fact) === folded[i] ? [] : [{ fact, shown: shown.get(fact), folded: folded[i] }],
      );
      return { end, endUs, passed, wrong, stages: new Set(shown.values()).size };
    },
    [text, under, shares, WATCHED_MS] as const,
  );
  const { end, passed } = found;
  expect(end.facts).toBeGreaterThan(0);
  expect({ fact: end.fact, playing: end.playing }).toEqual({ fact: end.facts, playing: false });
  expect(end.timeUs).toBeGreaterThanOrEqual(found.endUs);
  expect(passed.length).toBeGreaterThan(2);
  expect(passed).toEqual(passed.toSorted((a, b) => a - b));
  expect(found.wrong).toEqual([]);
  expect(found.stages, 'the moments differ').toBeGreaterThan(1);
  expect(complaints).toEqual([]);
});
