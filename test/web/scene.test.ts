import { expect, it } from 'vitest';
import type { ShownRun } from '../../web/lab.svelte.ts';
import { hitIn } from '../../web/stage/scene.ts';
import { staged, stagedFile } from './stage-run.ts';

const FLOOD = `
title: A flood
duration: 1500ms
broker: rabbitmq
queues: { jobs: {} }
network: { latency: 250ms }
producers: { app: { to: jobs, rate: 8000/s, key: user, attributes: { user: 2 } } }
consumers: { worker: { from: jobs, prefetch: 1, process: 1s } }
`;

/** When the first message goes on its way. */
function departureOf({ trace }: ShownRun): number {
  for (let id = 1; id <= trace.count; id++) {
    if (trace.name(id) === 'sent' && trace.messageOf(id) > 0) return trace.time(id);
  }
  throw new Error('nothing was sent');
}

it('a few on a link are single, with their numbers', () => {
  const { at, run } = stagedFile('why-queues/photo-queue', 3_000_000);
  const scene = at(departureOf(run) + 1);
  expect(scene.streams).toEqual([]);
  expect(scene.tokens).toHaveLength(1);
  expect(scene.tokens[0]).toMatchObject({ message: 1, kind: 'message', label: '1', small: false });
});

it('thousands on a link are a band with their number; the selected one alone stays single', () => {
  const { at, run } = staged(FLOOD);
  const there = run.transit.at(1_400_000).filter(({ message }) => message > 0);
  expect(there.length).toBeGreaterThan(1_900);
  const selected = there[1_000]?.message ?? 0;
  const scene = at(1_400_000, selected);
  const counted = scene.streams.reduce((all, { count }) => all + count, 0);
  expect(counted + scene.tokens.length).toBeGreaterThanOrEqual(there.length);
  expect(scene.streams[0]?.parts.reduce((all, one) => all + one, 0)).toBe(scene.streams[0]?.count);
  expect(scene.tokens.map(({ message }) => message)).toContain(selected);
  expect(scene.tokens.length).toBeLessThan(30);
});

it('deliveries, acks and answers look different from requests', () => {
  const { run, at } = stagedFile('delivery/visibility-too-short', 20_000_000);
  const kinds = new Set<string>();
  for (let id = 1; id <= run.trace.count; id++) {
    if (run.trace.name(id) !== 'sent') continue;
    for (const { kind } of at(run.trace.time(id)).tokens) kinds.add(kind);
  }
  expect([...kinds].sort()).toEqual(['delivery', 'effect', 'message', 'reply', 'tick']);
});

it('a lock keeps its place, with a ring that has unwound as far as its time has run', () => {
  const { at } = stagedFile('delivery/visibility-too-short', 20_000_000);
  const held = at(3_500_000).marks.find(({ state }) => state === 'held');
  expect(held?.ring).toBeGreaterThan(0.4);
  expect(held?.ring).toBeLessThan(0.6);
  expect(held?.hint).toContain('locked for 2.6 s more');
});

it('an open breaker stands on the link to its store, and says for how long', () => {
  const { at } = stagedFile('pipelines/circuit-breaker', 25_000_000);
  const scene = at('breaker-opened');
  const [wire] = scene.wires.filter(({ breaker }) => breaker === 'open');
  expect(wire?.ink).toBe('fault');
  expect(scene.words.some(({ text }) => /^open \d/.test(text))).toBe(true);
});

const isolating = (timeline: string): string => `
title: Cut off
duration: 20s
broker: sqs
queues: { jobs: {} }
producers: { app: { to: jobs, rate: 1/s } }
consumers: { worker: { from: jobs, effect: { insert: done } }, clerk: { from: jobs, effect: { insert: done } } }
timeline: [${timeline}]
`;
const cutAt = (timeline: string): readonly string[] => {
  const { at, run } = staged(isolating(timeline));
  const scene = at(12_000_000);
  expect(scene.words.map(({ text }) => text)).toContain('split');
  const name = (key: string): string => run.trace.actorName(Number(key.slice(6)));
  const ends = (key: string): readonly string[] => key.match(/actor \d+/g)?.map(name) ?? [];
  return [...new Set(scene.wires.filter(({ cut }) => cut).flatMap(({ key }) => ends(key)))].sort();
};

it('who is isolated is cut off from everybody else, and nobody else from anybody', () => {
  expect(cutAt('{ at: 5s, isolate: worker }')).toEqual(['done', 'worker']);
});

it('each of several splits is drawn', () => {
  expect(cutAt('{ at: 5s, isolate: worker }, { at: 6s, isolate: clerk }')).toEqual(['clerk', 'done', 'worker']);
});

it('a split cuts the links across it and stands between the nodes that cannot hear each other', () => {
  const { at } = stagedFile('replication/split-and-serve', 20_000_000);
  const scene = at(15_000_000);
  expect(scene.wires.filter(({ cut }) => cut)).toHaveLength(1);
  expect(scene.words.map(({ text }) => text)).toContain('split');
  expect(at(5_000_000).wires.some(({ cut }) => cut)).toBe(false);
});

it('what leaves for good falls out of its box, with the reason, and is gone a little later', () => {
  const { at, run } = stagedFile('routing/late-subscriber', 15_000_000);
  const scene = at('lost');
  const gone = scene.marks.filter(({ state }) => state === 'gone');
  expect(gone.length).toBeGreaterThan(0);
  expect(scene.words.some(({ text }) => text.startsWith('lost: '))).toBe(true);
  const last = run.index.departures.at(run.index.departures.length - 1);
  const later = at(run.trace.time(last) + run.index.hopUs * 50);
  expect(later.marks.filter(({ state }) => state === 'gone')).toEqual([]);
});

it('a partition has its flags: what is committed, the lag, and the high watermark where it is behind', () => {
  const { at } = stagedFile('replication/leader-crash-acks-all', 30_000_000);
  const words = at(20_000_000).words.map(({ text }) => text);
  expect(words).toEqual(
    expect.arrayContaining([expect.stringMatching(/committed \d+/), expect.stringMatching(/^lag /)]),
  );
});

it('a message is hit before the link under it, and a link where there is no message', () => {
  const { at, run } = stagedFile('why-queues/photo-queue', 3_000_000);
  const scene = at(departureOf(run) + 1);
  const token = scene.tokens[0];
  expect(token === undefined ? null : hitIn(scene, token.x, token.y)?.thing).toMatchObject({ type: 'message', id: 1 });
  const piece = scene.wires[0]?.path.pieces[0];
  if (piece === undefined) throw new Error('no link');
  const [x, y] = [(piece.x0 + piece.x3) / 2, (piece.y0 + piece.y3) / 2];
  expect(hitIn({ ...scene, tokens: [], marks: [] }, x, y)?.thing).toMatchObject({ type: 'link' });
  expect(hitIn(scene, 5, 5)).toBeNull();
});

it('a delay runs down like a lock, from what the run tells later, and the next to end says how long', () => {
  const { at } = staged(`
title: Delayed
broker: sqs
duration: 20s
network: { latency: 0ms }
queues: { jobs: { DelaySeconds: 10s } }
producers: { app: { to: jobs, send: [{ at: 1s }, { at: 3s }] } }
consumers: { worker: { from: jobs, process: 30s } }
`);
  const scene = at(6_000_000);
  expect(scene.marks.map(({ message, state, ring }) => [message, state, ring])).toEqual([
    [1, 'delayed', 0.5],
    [2, 'delayed', 0.7],
  ]);
  expect(scene.words.map(({ text }) => text)).toContain('ready 0, delayed 2, next in 5.0 s');
  expect(at(14_000_000).marks.some(({ state }) => state === 'delayed')).toBe(false);
});

it('what is handed out is called as the broker’s people call it', () => {
  const words = (file: string): readonly string[] =>
    stagedFile(file, 4_000_000)
      .at(4_000_000)
      .words.map(({ text }) => text);
  expect(words('why-queues/photo-queue')).toContainEqual(expect.stringMatching(/^locked \d/));
  expect(words('delivery/acked-one-by-one')).toContainEqual(expect.stringMatching(/^unacked \d/));
  expect(words('delivery/pending-claimed')).toContainEqual(expect.stringMatching(/^pending \d/));
  expect(words('routing/late-subscription')).toContainEqual(expect.stringMatching(/^outstanding \d/));
  expect(words('ordering/key-shared-join')).toContainEqual(expect.stringMatching(/^unacked \d/));
  expect(words('routing/late-subscriber')).toContainEqual(expect.stringMatching(/^sent \d/));
});

it('a record waits in an open transaction, behind the last stable offset, and is struck out when that is aborted', () => {
  const { at } = stagedFile('kafka-log/zombie-fenced', 26_000_000);
  const states = (timeUs: number): Readonly<Record<string, string>> =>
    Object.fromEntries(at(timeUs).marks.map(({ label, state }) => [label, state]));
  expect(states(16_000_000)).toMatchObject({ 10: 'faded', 12: 'delayed', 13: 'delayed' });
  expect(at(16_000_000).words.map(({ text }) => text)).toContain('last stable offset 12');
  expect(states(23_500_000)).toMatchObject({ 10: 'faded', 12: 'void', 13: 'void', 15: 'delayed' });
  expect(at(25_900_000).words.map(({ text }) => text)).not.toContain('last stable offset 15');
});

it('a leader that is down keeps its place in the in-sync set until somebody notices, and is drawn as down', () => {
  const { at } = stagedFile('replication/leader-crash-acks-1', 12_000_000);
  const leader = (timeUs: number): string | undefined =>
    at(timeUs).dots.find(({ r, filled }) => r === 4 && filled)?.ink;
  expect(leader(9_000_000)).toBe('good');
  expect(leader(10_500_000)).toBe('fault');
});

it('where a log was cut off at its start, its head says from where on it is there', () => {
  const { at } = stagedFile('kafka-log/retention-overtakes', 92_000_000);
  expect(at(50_000_000).words.some(({ text }) => text.includes('log start'))).toBe(false);
  expect(at(91_000_000).words.map(({ text }) => text)).toContain('partition 0, log start 62');
});

it('a share group has a start offset, and both groups have room to say theirs', () => {
  const { at } = stagedFile('poison/share-group', 13_000_000);
  const words = at(12_600_000).words.map(({ text }) => text);
  expect(words.some((text) => text.startsWith('classic'))).toBe(true);
  expect(words.some((text) => text.startsWith('shared'))).toBe(true);
});

it('what nobody has committed yet lags by all of the log, also where there are no replicas', () => {
  const { at } = staged(`
title: Nothing is committed yet
duration: 20s
broker: kafka
topics: { rides: { partitions: 1 } }
producers: { app: { to: rides, rate: 1/s, messages: 5 } }
consumers: { billing: { from: rides, process: 30s, auto.offset.reset: earliest } }
`);
  const words = at(15_000_000).words.map(({ text }) => text);
  expect(words.filter((text) => /^(lag|committed) /.test(text))).toEqual(['lag 5']);
});

it('the offsets of groups that stand at one place stand beside each other', () => {
  const { at } = stagedFile('kafka-log/changelog');
  for (const width of [1000, 390]) {
    const feet = at(215_000_000, 0, 1, width).words.filter(({ text }) => /^(billing|courier|lag) /.test(text));
    const spans = feet.map(({ x, text, align }) => ({ text, from: align === 'right' ? x - text.length * 5 : x }));
    expect(spans.map(({ text }) => text.replace('committed ', '')).sort()).toEqual([
      'billing 150',
      'courier 150',
      'lag 0',
    ]);
    const sorted = [...spans].sort((a, b) => a.from - b.from);
    sorted.slice(1).forEach(({ from, text }, i) => {
      expect(from, text).toBeGreaterThan((sorted[i]?.from ?? 0) + (sorted[i]?.text.length ?? 0) * 5);
    });
  }
});

it('over a short tape the head says less, and does not run into what stands beside', () => {
  const { at } = stagedFile('replication/leader-crash-acks-all');
  const words = (width: number): readonly string[] => at(70_000_000, 0, 1, width).words.map(({ text }) => text);
  expect(words(1000)).toEqual(expect.arrayContaining(['partition 0', 'b1', 'b2', 'b3', 'epoch 1']));
  expect(words(660)).toEqual(expect.arrayContaining(['p0', 'b1', 'b2', 'b3']));
  expect(words(660)).not.toContain('epoch 1');
});
