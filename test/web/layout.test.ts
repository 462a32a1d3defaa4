import { expect, it } from 'vitest';
import type { Layout } from '../../web/stage/boxes.ts';
import { pathsOf, pointOn } from '../../web/stage/geometry.ts';
import { type StagedRun, staged, stagedFile } from './stage-run.ts';

const stagedRuns = new Map<string, StagedRun>();

function layoutOf(file: string, width: number, height: number): Layout {
  let one = stagedRuns.get(file);
  if (one === undefined) {
    one = stagedFile(file, 300_000);
    stagedRuns.set(file, one);
  }
  return one.layout(width, height);
}

const FILES = [
  'delivery/acked-one-by-one',
  'pipelines/outbox',
  'pipelines/write-back-cache',
  'pipelines/order-services',
  'pipelines/video-upload',
  'poison/share-group',
  'replication/bookie-down',
  'routing/sns-locked-door',
  'routing/stream-late-reader',
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

function textOf(consumers: number, topic: string): string {
  return `
title: Many
broker: kafka
duration: 100ms
topics: { ${topic}: { partitions: 64 } }
producers: { app: { to: ${topic}, rate: 10/s } }
consumers: { worker: { from: ${topic}, count: ${consumers} } }
`;
}

it('three hundred instances and sixty-four partitions stay on the stage, each a cell or a line of one box', () => {
  const { layout, run } = staged(textOf(300, 'rides'));
  for (const { boxes, height, byKey, links, width } of [layout(1000, 680), layout(390, 400)]) {
    if (width > 390) expect(height).toBe(680);
    const swarm = boxes.find((box) => box.type === 'swarm');
    const tapes = boxes.find((box) => box.type === 'tapes');
    expect([swarm?.actors.length, tapes?.places.length]).toEqual([300, 64]);
    if (swarm === undefined || tapes === undefined) throw new Error('no boxes');
    const lines = Math.ceil(swarm.actors.length / swarm.perLine);
    expect(30 + lines * swarm.step).toBeLessThanOrEqual(swarm.h);
    expect(tapes.places.length * tapes.step).toBeLessThanOrEqual(tapes.h);
    expect(byKey.get(`actor ${run.trace.actors.findLast(({ kind }) => kind === 'consumer')?.id}`)).toBe(swarm);
    expect(links.map(({ from, to }) => [byKey.get(from)?.type, byKey.get(to)?.type])).toEqual([
      ['producer', 'tapes'],
      ['tapes', 'swarm'],
    ]);
  }
});

it('the outputs of a consumer are linked to their queue, a producer’s own store to it, and a subscription to its topic', () => {
  const linked = (file: string): string[] => {
    const { links, byKey } = layoutOf(file, 1060, 720);
    return links.map(({ from, to }) => `${byKey.get(from)?.name} → ${byKey.get(to)?.name}`);
  };
  expect(linked('pipelines/video-upload')).toEqual(
    expect.arrayContaining(['transcoder-1 → transcoded', 'thumbnailer → thumbnails', 'thumbnails → notifier']),
  );
  expect(linked('pipelines/outbox')).toContain('checkout → order-book');
  expect(linked('routing/late-subscriber')).toEqual(
    expect.arrayContaining(['goals → goals/phone', 'goals/phone → phone']),
  );
  expect(linked('routing/late-subscriber')).not.toContain('goals/phone → screen');
  expect(linked('routing/stream-late-reader')).toContain('readings → student');
  expect(linked('pipelines/order-services')).toContain('stock-keeper → events');
  // Within a transaction.
  expect(linked('pipelines/one-invoice')).toContain('in-one → sealed-invoices');
});

it('every link keeps to the stage, also those that go around what stands between', () => {
  for (const file of FILES) {
    const layout = layoutOf(file, 1060, 720);
    for (const [key, path] of pathsOf(layout)) {
      for (let i = 0; i <= 20; i++) {
        const { x, y } = pointOn(path, i / 20);
        expect(x >= 0 && x <= layout.width && y >= 0 && y <= layout.height, `${file}: ${key}`).toBe(true);
      }
      const from = layout.byKey.get(key.split('→')[0] ?? '');
      const start = pointOn(path, 0);
      const isAtEdge =
        from !== undefined &&
        start.x >= from.x - 1 &&
        start.x <= from.x + from.w + 1 &&
        start.y >= from.y - 1 &&
        start.y <= from.y + from.h + 1;
      expect(isAtEdge, `${file}: ${key}`).toBe(true);
    }
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

it('on a narrow stage no link runs through the title of a queue', () => {
  const { layout } = stagedFile('poison/with-dlq');
  const narrow = layout(390, 700);
  const queue = narrow.boxes.find((box) => box.type === 'queue' && !box.deadLetter);
  if (queue?.type !== 'queue') throw new Error('no queue');
  expect(queue.about.length).toBeGreaterThan(30);
  const into = narrow.links.filter(({ to }) => to === `place ${queue.place}`);
  expect(into.length).toBeGreaterThan(0);
  const paths = pathsOf(narrow);
  for (const { key } of into) {
    const end = paths.get(key)?.pieces.at(-1);
    expect(end?.x3).toBeGreaterThan(queue.x + Math.min(queue.titleW, queue.about.length * 6));
    expect(end?.x3).toBeLessThan(queue.x + queue.w);
  }
});

it('on a narrow stage no link runs through a box that is none of its ends', () => {
  const files = [...FILES, 'routing/sns-filter-slip', 'pipelines/saga', 'pipelines/dual-write', 'kafka-log/changelog'];
  for (const file of files) {
    const narrow = layoutOf(file, 390, 700);
    for (const [key, path] of pathsOf(narrow)) {
      const ends = key.split('→').map((end) => narrow.byKey.get(end));
      const others = narrow.boxes.filter((box) => !ends.includes(box));
      for (let i = 1; i < 80; i++) {
        const { x, y } = pointOn(path, i / 80);
        const crossed = others.filter(
          (box) => x > box.x + 1 && x < box.x + box.w - 1 && y > box.y + 1 && y < box.y + box.h - 1,
        );
        const names = [key.split('→').map((end) => narrow.byKey.get(end)?.name), crossed.map(({ name }) => name)];
        expect(names[1], `${file}: ${names[0]}`).toEqual([]);
        expect(x >= 0 && x <= 390, `${file}: ${key}`).toBe(true);
      }
    }
  }
});

it('on a narrow stage no link runs through the name of a queue that is none of its ends', () => {
  for (const file of [
    'pipelines/saga',
    'pipelines/video-upload',
    'pipelines/order-services',
    'routing/sns-filter-slip',
  ]) {
    const narrow = layoutOf(file, 390, 700);
    const queues = narrow.boxes.filter((box) => box.type === 'queue' && !box.deadLetter);
    expect(queues.length, file).toBeGreaterThan(1);
    for (const [key, path] of pathsOf(narrow)) {
      const ends = key.split('→').map((end) => narrow.byKey.get(end));
      for (let i = 1; i < 160; i++) {
        const { x, y } = pointOn(path, i / 160);
        const struck = queues.filter(
          (box) => !ends.includes(box) && x > box.x && x < box.x + box.name.length * 7 && y > box.y - 34 && y < box.y,
        );
        const link = ends.map((end) => end?.name).join(' to ');
        expect(
          struck.map(({ name }) => name),
          `${file}: ${link}`,
        ).toEqual([]);
      }
    }
  }
});

it('on a narrow stage names and nodes over the queues stand apart', () => {
  for (const file of [...FILES, 'pipelines/saga', 'routing/sns-filter-slip']) {
    const { boxes, nodes } = layoutOf(file, 390, 700);
    for (const box of boxes) {
      if (box.type !== 'queue' || box.deadLetter) continue;
      const right = box.x + box.name.length * 7.8;
      const covered = nodes.filter(
        (node) => node.x < right && node.x + node.w > box.x && node.y < box.y && node.y + 22 > box.y - 36,
      );
      expect(
        covered.map(({ name }) => name),
        `${file}: ${box.name}`,
      ).toEqual([]);
    }
  }
});

it('on a narrow stage no link of an exchange runs through a node over the queues', () => {
  for (const file of [...FILES, 'poison/quorum-requeue', 'routing/sns-filter-slip', 'pipelines/one-invoice']) {
    const narrow = layoutOf(file, 390, 700);
    for (const [key, path] of pathsOf(narrow)) {
      const [from, to] = key.split('→').map((end) => narrow.byKey.get(end));
      if (from?.type !== 'exchange') continue;
      for (let i = 1; i < 80; i++) {
        const { x, y } = pointOn(path, i / 80);
        const crossed = narrow.nodes.filter(
          (node) => x > node.x && x < node.x + node.w && y > node.y && y < node.y + 21,
        );
        expect(
          crossed.map(({ name }) => name),
          `${file}: to ${to?.name}`,
        ).toEqual([]);
      }
    }
  }
});

it('on a narrow stage no link crosses a dead-letter queue: what goes there takes the edge', () => {
  for (const file of ['poison/with-dlq', 'poison/dlq-replay', 'routing/sns-filter-slip', 'exercises/retry-limit']) {
    const narrow = layoutOf(file, 390, 700);
    const dead = narrow.boxes.filter((box) => box.type === 'queue' && box.deadLetter);
    expect(dead.length, file).toBeGreaterThan(0);
    for (const [key, path] of pathsOf(narrow)) {
      for (let i = 1; i < 40; i++) {
        const { x, y } = pointOn(path, i / 40);
        const crossed = dead.filter(
          (box) => x > box.x + 1 && x < box.x + box.w - 1 && y > box.y + 1 && y < box.y + box.h - 1,
        );
        expect(
          crossed.map(({ name }) => name),
          `${file}: ${key}`,
        ).toEqual([]);
        expect(x >= 0 && x <= 390, `${file}: ${key}`).toBe(true);
      }
    }
  }
});
