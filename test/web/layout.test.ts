import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parseScenario } from '../../sim/scenario/parse.ts';
import { run } from '../../sim/world.ts';
import type { Layout } from '../../web/stage/boxes.ts';
import { layoutStage } from '../../web/stage/layout.ts';

function layoutOf(file: string, width: number, height: number): Layout {
  const { scenario } = parseScenario(readFileSync(`scenarios/${file}.yaml`, 'utf8'), { file });
  if (scenario === null) throw new Error(`${file} is no scenario`);
  const { trace } = run(scenario, { untilUs: 1 });
  return layoutStage(scenario, trace, width, height, true);
}

const FILES = [
  'why-queues/photo-queue',
  'why-queues/photo-sync',
  'ordering/rides-by-city',
  'routing/order-fan-out',
  'scaling/burst',
];

it('no two boxes of a wide stage cover each other, and all stand on it', () => {
  for (const file of FILES) {
    const { boxes, width, height } = layoutOf(file, 1060, 720);
    boxes.forEach((a, i) => {
      expect(a.x, file).toBeGreaterThanOrEqual(0);
      expect(a.x + a.w, file).toBeLessThanOrEqual(width);
      expect(a.y + a.h, file).toBeLessThanOrEqual(height);
      for (const b of boxes.slice(i + 1)) {
        const apart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
        expect(apart, `${file}: ${a.type} ${a.name} and ${b.type} ${b.name}`).toBe(true);
      }
    });
  }
});

it('a narrow stage stacks its rows within its width', () => {
  for (const file of FILES) {
    const { boxes, stacked } = layoutOf(file, 390, 400);
    expect(stacked).toBe(true);
    for (const box of boxes) expect(box.x + box.w, `${file}: ${box.name}`).toBeLessThanOrEqual(390);
  }
});

it('the same scenario gives the same picture, and every link has two ends on it', () => {
  for (const file of FILES) {
    const layout = layoutOf(file, 1060, 720);
    expect(layoutOf(file, 1060, 720).boxes).toEqual(layout.boxes);
    expect(layout.links.length).toBeGreaterThan(0);
    for (const { from, to } of layout.links)
      expect([layout.byKey.has(from), layout.byKey.has(to)]).toEqual([true, true]);
  }
});
