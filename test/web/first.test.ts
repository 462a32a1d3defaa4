import { expect, it } from 'vitest';
import { Trace } from '../../sim/trace.ts';
import { pack, unpack } from '../../web/first/packed.ts';
import { record } from '../../web/first/record.ts';
import { TOUR } from '../../web/guide/steps.ts';
import { libraryRun, libraryText } from './library.ts';

const FIRST = record('photo-queue.yaml', libraryText('photo-queue'), []);

it.each([
  ['photo-queue', FIRST],
  ['the tour', record(`${TOUR.scenario}.yaml`, libraryText(TOUR.scenario), TOUR.sets)],
])('the recorded run of %s comes out of its packing as it went in', (_, run) => {
  expect(unpack(pack(run))).toEqual(run);
});

it('the recorded run is the run, fact by fact and message by message', () => {
  const { trace, ending } = libraryRun('photo-queue');
  const shown = new Trace();
  for (const report of unpack(pack(FIRST)).reports) if (report.type === 'part') shown.give(report.part);
  expect(shown.digest).toBe(trace.digest);
  expect(FIRST.reports).toContainEqual({ type: 'ended', run: 0, digest: trace.digest, ending });
  for (let id = 1; id <= trace.count; id++) expect(shown.fact(id)).toEqual(trace.fact(id));
  for (let id = 1; id <= trace.messageCount; id++) expect(trace.message(id)).toMatchObject(shown.message(id));
});

it('numbers of which JSON knows nothing stay what they are', () => {
  const [part] = FIRST.reports.filter(({ type }) => type === 'part');
  const strange = {
    source: '',
    sets: [],
    reports: [{ ...part, nowUs: Number.POSITIVE_INFINITY, untilUs: Number.NaN }],
  };
  expect(unpack(pack(strange as never))).toEqual(strange);
});
