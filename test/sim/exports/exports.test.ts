import { expect, it } from 'vitest';
import { F } from '../../../core/facts.ts';
import { cell, csvLines } from '../../../sim/exports/csv.ts';
import { EXPORTS } from '../../../sim/exports/index.ts';
import { label, mermaidLines } from '../../../sim/exports/mermaid.ts';
import { perfettoLines } from '../../../sim/exports/perfetto.ts';
import { upTo } from '../../../sim/exports/stretch.ts';
import { readTrace } from '../../../sim/jsonl.ts';
import { scenarioOf, traceOf } from '../runs.ts';

const YAML = `
title: Two jobs <b>and</b> a crash
duration: 40s
broker: sqs
network: { latency: 100ms, loss: 10% }
queues: { jobs: { VisibilityTimeout: 5s } }
producers: { shop: { to: jobs, rate: 1/s, messages: 3, key: user } }
consumers: { worker: { from: jobs, process: 1s, effect: { set: rows } } }
timeline:
  - { when: applied, crash: worker, restart: 1s }
`;
const trace = traceOf(YAML);
const scenario = scenarioOf(YAML);
const WHOLE = { fromUs: 0, toUs: trace.endedAtUs };
const about = { title: scenario.title, seed: '1', scenario: YAML };

it('a table has one row for each fact of the stretch', () => {
  expect([...csvLines(trace, scenario, WHOLE)]).toHaveLength(trace.count + 1);
  const cut = [...csvLines(trace, scenario, { fromUs: 1_000_000, toUs: 2_000_000 })].slice(1);
  const times = cut.map((line) => Number(line.split(',')[1]));
  expect(Math.min(...times)).toBeGreaterThanOrEqual(1_000_000);
  expect(Math.max(...times)).toBeLessThanOrEqual(2_000_000);
  const row = [...csvLines(trace, scenario, WHOLE)].find((line) => line.includes(',produced,')) ?? '';
  expect(row).toMatch(/^\d+,\d+,produced,shop,1,shop,1,/);
});

it.each([
  ['plain', 'plain'],
  ['=1+1', "'=1+1"],
  ['@SUM(A1)', "'@SUM(A1)"],
  ['-2', "'-2"],
  ['+cmd|calc', "'+cmd|calc"],
  ['\tx', "'\tx"],
  ['a, "b"', '"a, ""b"""'],
  ['=A1,"x"', '"\'=A1,""x"""'],
])('a field %j is written as %j', (text, field) => {
  expect(cell(text)).toBe(field);
});

it('a diagram has who takes part, arrows in the order of arrival, crosses, bars and notes', () => {
  const lines = [...mermaidLines(trace, scenario, WHOLE)];
  expect(lines.slice(0, 7)).toEqual([
    '---',
    'title: "Two jobs <b>and</b> a crash"',
    '---',
    'sequenceDiagram',
    expect.stringMatching(/^ {2}actor a\d+ as shop$/),
    expect.stringMatching(/^ {2}participant a\d+ as /),
    expect.stringMatching(/^ {2}participant a\d+ as worker/),
  ]);
  const text = lines.join('\n');
  expect(text).toMatch(/a\d+->>a\d+: \d+:\d\d\.\d{3} request, message 1/);
  expect(text).toMatch(/a\d+-{1,2}xa\d+: .* lost/);
  expect(text).toMatch(/Note over a\d+: .* worker crashed\./);
  const times = lines.flatMap((line) => /: (\d+):(\d\d\.\d{3}) /.exec(line)?.slice(1, 3) ?? []);
  const clocks = times.flatMap((_, i) => (i % 2 === 0 ? [Number(times[i]) * 60 + Number(times[i + 1])] : []));
  expect(clocks).toEqual([...clocks].sort((a, b) => a - b));
});

it('bars of a diagram begin before they end, and all are ended, wherever it is cut', () => {
  for (const most of [5, 20, 300]) {
    for (const fromUs of [0, 2_000_000, 6_500_000]) {
      const open = new Map<string, number>();
      for (const line of mermaidLines(trace, scenario, { fromUs, toUs: 12_000_000 }, most)) {
        const [, verb, actor = ''] = /^ {2}(activate|deactivate) (a\d+)$/.exec(line) ?? [];
        if (verb !== undefined) open.set(actor, (open.get(actor) ?? 0) + (verb === 'activate' ? 1 : -1));
        expect(open.get(actor) ?? 0).toBeGreaterThanOrEqual(0);
      }
      expect([...open.values()].every((bars) => bars === 0)).toBe(true);
    }
  }
});

it('a diagram ends at its bound and says how much is missing', () => {
  const lines = [...mermaidLines(trace, scenario, WHOLE, 4)];
  expect(lines.filter((line) => /-(>>|x)a\d|Note over/.test(line))).toHaveLength(5);
  expect(lines.join('\n')).toMatch(/The diagram ends here\. \d+ more arrows/);
});

it('a diagram ends at its bound however many bars there are', () => {
  const long = traceOf(YAML);
  const id = Array.from({ length: long.count }, (_, i) => i + 1).find((one) => long.name(one) === 'delivered') ?? 0;
  const { actor, message, place, peer } = {
    actor: long.actor(id),
    message: long.messageOf(id),
    place: long.place(id),
    peer: long.peer(id),
  };
  for (let i = 0, now = long.endedAtUs; i < 70_000; i++) {
    long.append(++now, F.delivered, actor, message, place, peer, 1, 0, 0);
    long.append(++now, F.acked, actor, message, place, peer, 0, 0, 0);
  }
  const stretch = { fromUs: 0, toUs: long.endedAtUs + 200_000 };
  expect([...mermaidLines(long, scenario, stretch, 4)].join('\n')).toMatch(/The diagram ends here/);
});

it('on ideal links, where nothing is seen on its way, arrows follow the causes', () => {
  const ideal = YAML.replace(/^network:.*$/m, 'network: { latency: 0s }');
  const text = [...mermaidLines(traceOf(ideal), scenarioOf(ideal), WHOLE)].join('\n');
  expect(text).toMatch(/->>a\d+: .* message 1/);
});

it.each([
  ['upload-page', 'upload-page'],
  ['a;b#c%%d', 'a#59;b#35;c#37;#37;d'],
  ['<script>alert("x")</script>', '#60;script#62;alert(#34;x#34;)#60;/script#62;'],
  ['The End', 'The #69;nd'],
  ['spender', 'spender'],
  ['two\nlines {x}', 'two lines #123;x#125;'],
  ['Größe 📷', 'Größe #128247;'],
])('the text %j is the label %j', (text, expected) => {
  expect(label(text)).toBe(expected);
});

interface TraceEvent {
  readonly ph: string;
  readonly name: string;
  readonly id?: number;
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur: number;
  readonly args: Readonly<Record<string, number>>;
}

const eventsOf = (fromUs = 0, toUs = trace.endedAtUs): readonly TraceEvent[] =>
  JSON.parse([...perfettoLines(trace, scenario, about, { fromUs, toUs })].join('\n')).traceEvents;

it('a trace for Perfetto names every process and thread that has slices', () => {
  const events = eventsOf();
  const named = new Set(events.filter(({ name }) => name === 'thread_name').map(({ pid, tid }) => `${pid} ${tid}`));
  for (const { ph, pid, tid } of events) if (ph === 'X') expect(named).toContain(`${pid} ${tid}`);
});

it('however many messages are held at once, slices of one thread never overlap in part', () => {
  const many = YAML.replace('rate: 1/s, messages: 3', 'rate: 50/s, messages: 60').replace(
    'from: jobs, process: 1s',
    'from: jobs, count: 40, process: 3s..9s',
  );
  const held = [...perfettoLines(traceOf(many), scenarioOf(many), about, { fromUs: 0, toUs: 40_000_000 })];
  expectNoOverlap(JSON.parse(held.join('\n')).traceEvents);
});

it('slices of one thread never overlap in part', () => {
  expectNoOverlap(eventsOf());
});

function expectNoOverlap(events: readonly TraceEvent[]): void {
  const threads = new Map<string, TraceEvent[]>();
  for (const event of events) {
    if (event.ph !== 'X') continue;
    const thread = `${event.pid} ${event.tid}`;
    threads.set(thread, [...(threads.get(thread) ?? []), event]);
  }
  expect(threads.size).toBeGreaterThan(4);
  for (const slices of threads.values()) {
    const sorted = [...slices].sort((a, b) => a.ts - b.ts || b.dur - a.dur);
    sorted.forEach((one, i) => {
      const next = sorted[i + 1];
      if (next === undefined || next.ts >= one.ts + one.dur) return;
      expect(next.ts + next.dur).toBeLessThanOrEqual(one.ts + one.dur);
    });
  }
}

it('every flow arrow has both ends, and none goes back in time, wherever it is cut', () => {
  for (const [from, to] of [
    [0, trace.endedAtUs],
    [2_000_000, 8_000_000],
  ]) {
    const events = eventsOf(from, to);
    const starts = new Map(events.filter(({ ph }) => ph === 's').map((event) => [event.id, event.ts]));
    const ends = new Map(events.filter(({ ph }) => ph === 'f').map((event) => [event.id, event.ts]));
    expect(starts.size).toBeGreaterThan(3);
    expect([...starts.keys()].sort()).toEqual([...ends.keys()].sort());
    for (const [id, ts] of starts) expect(ts).toBeLessThanOrEqual(ends.get(id) ?? -1);
  }
});

it('depth is counted, and faults are instants', () => {
  const events = eventsOf();
  const depths = events.filter(({ ph, name }) => ph === 'C' && name === 'depth of jobs').map(({ args }) => args);
  expect(depths).toContainEqual({ ready: 1, locked: 0 });
  expect(depths).toContainEqual({ ready: 0, locked: 1 });
  expect(events.some(({ ph, name }) => ph === 'i' && name === 'worker crashed.')).toBe(true);
});

it('facts up to a time are a trace of their own, which reads back to its own digest', () => {
  const stretch = { fromUs: 0, toUs: 9_000_000 };
  const lines = [...EXPORTS.jsonl.lines({ trace, scenario, about, stretch })];
  const read = readTrace(lines);
  if ('error' in read) throw new Error(read.error);
  expect(read.trace.count).toBe(trace.lastAt(9_000_000));
  expect(read.trace.digest).toBe(upTo(trace, 9_000_000).digest);
  expect(read.trace.digest).not.toBe(trace.digest);
  expect(upTo(trace, trace.endedAtUs)).toBe(trace);
});

it('facts from a later time on are for other tools, and reading them says what is missing', () => {
  const stretch = { fromUs: 3_000_000, toUs: trace.endedAtUs };
  const read = readTrace(EXPORTS.jsonl.lines({ trace, scenario, about, stretch }));
  expect('error' in read && read.error).toContain('facts are missing before it');
});
