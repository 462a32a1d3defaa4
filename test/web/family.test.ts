import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parseScenario } from '../../sim/scenario/parse.ts';
import { run } from '../../sim/world.ts';
import { familyOf } from '../../web/story/family.ts';

const file = 'scenarios/pipelines/video-upload.yaml';
const { scenario } = parseScenario(readFileSync(file, 'utf8'), { file });
if (scenario === null) throw new Error('no scenario');
const { trace } = run(scenario, { untilUs: 40_000_000 });
const made = (by: string): number => {
  for (let id = 1; id <= trace.messageCount; id++) {
    if (trace.actorName(trace.message(id).producer).startsWith(by)) return id;
  }
  return 0;
};

it('an upload led to its transcoded form, and that to thumbnails', () => {
  const { before, after } = familyOf(trace, made('upload-page'));
  expect(before).toEqual([]);
  expect(after[0]).toMatchObject({ place: 'transcoded', depth: 1 });
  expect(after[1]).toMatchObject({ place: 'thumbnails', by: 'thumbnailer', depth: 2 });
});

it('a thumbnail comes from a transcoded video, and that from an upload, the first of all first', () => {
  const { before, after } = familyOf(trace, made('thumbnailer'));
  expect(before.map(({ place, depth }) => [place, depth])).toEqual([
    ['uploads', -2],
    ['transcoded', -1],
  ]);
  expect(after).toEqual([]);
});
