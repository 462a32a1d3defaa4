/** Consumers that produce, over every broker: what is made of a message reaches the next stage, on the same broker and on another. */
import { describe, expect, it } from 'vitest';
import { F } from '../../core/facts.ts';
import { messageStory } from '../../sim/folds/message-story.ts';
import { parseScenario } from '../../sim/scenario/parse.ts';
import { run } from '../../sim/world.ts';

/** How each kind declares two things to send to, and what a reader needs to see all. */
const KINDS: Readonly<
  Record<string, { readonly things: string; readonly consumer?: string; readonly producer?: string }>
> = {
  sqs: { things: 'queues: { uploads: BROKER, thumbnails: BROKER }' },
  rabbitmq: { things: 'queues: { uploads: BROKER, thumbnails: BROKER }', producer: 'confirms: true' },
  kafka: { things: 'topics: { uploads: BROKER, thumbnails: BROKER }', consumer: 'auto.offset.reset: earliest' },
  direct: { things: '' },
};

function pipeline(first: string, second: string, consumer = '', timeline = ''): string {
  const both = first === second;
  const of = (kind: string, broker: string): string =>
    (KINDS[kind]?.things ?? '').replaceAll('BROKER', both ? '{}' : `{ broker: ${broker} }`);
  const only = (kind: string, broker: string, keep: RegExp): string => of(kind, broker).replace(keep, '');
  const at = (broker: string): string => (both ? '' : `broker: ${broker}, `);
  const options = (text: string | undefined): string => (text === undefined ? '' : `, ${text}`);
  const things = both
    ? of(first, 'a')
    : [only(first, 'a', /, thumbnails: \{[^}]*\}/), only(second, 'b', /uploads: \{[^}]*\}, /)]
        .filter((text) => text !== '')
        .sort()
        .join('\n');
  return `
title: a pipeline
${both ? `broker: ${first}` : `brokers: { a: ${first}, b: ${second} }`}
duration: 2min
${things}
producers:
  page: { ${at('a')}to: uploads, rate: 2/s, messages: 5, start: 10s${options(KINDS[first]?.producer)} }
consumers:
  maker: { ${at('a')}from: uploads, process: 100ms${options(KINDS[first]?.consumer)}${consumer}, produces: { ${at('b')}to: thumbnails${options(KINDS[second]?.producer)} } }
  reader: { ${at('b')}from: thumbnails, process: 50ms, effect: { insert: shelf }${options(KINDS[second]?.consumer)} }
network: { latency: 2ms }
${timeline}`;
}

function runOf(text: string) {
  const { scenario, diagnostics } = parseScenario(text, { file: 'pipeline.yaml' });
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  if (scenario === null) throw new Error('no scenario');
  const { trace } = run(scenario);
  const reader = trace.actors.find(({ name }) => name === 'reader')?.id ?? 0;
  const maker = trace.actors.find(({ name }) => name === 'maker')?.id ?? 0;
  const read = new Set<number>();
  for (let id = 1; id <= trace.count; id++) {
    if (trace.kind(id) === F.applied && trace.peer(id) === reader) read.add(trace.messageOf(id));
  }
  return { trace, maker, read };
}

const kinds = Object.keys(KINDS);
const pairs = kinds.flatMap((first) =>
  kinds
    .filter(
      (second) =>
        second === first ||
        (first !== 'direct' &&
          second !== 'direct' &&
          KINDS[first]?.things.slice(0, 6) !== KINDS[second]?.things.slice(0, 6)),
    )
    .map((second) => [first, second] as const),
);

describe.each(pairs)('from %s to %s', (first, second) => {
  it('each message leads to one that is made of it, and that is read', () => {
    const { trace, maker, read } = runOf(pipeline(first, second));
    expect(read.size).toBe(5);
    for (const message of read) expect(trace.message(message).producer).toBe(maker);
  });

  it('a maker that dies when its output is confirmed makes the same output again', () => {
    if (first === 'direct') return;
    const crash = 'timeline: [{ when: confirmed, by: maker, nth: 2, crash: maker, restart: 3s }]';
    const { trace, read } = runOf(pipeline(first, second, first === 'sqs' ? ', VisibilityTimeout: 10s' : '', crash));
    expect(read.size).toBe(5);
    expect(trace.messageCount).toBe(10);
  });
});

describe('what a message led to', () => {
  it('is told in its story, and where a message came from too', () => {
    const { trace } = runOf(pipeline('sqs', 'sqs'));
    const [output] = messageStory(trace, 1).ledTo;
    expect(messageStory(trace, output ?? 0).madeOf).toBe(1);
    expect(messageStory(trace, 1).madeOf).toBe(0);
  });

  it('names the input as its cause', () => {
    const { trace, maker } = runOf(pipeline('sqs', 'sqs'));
    for (let id = 1; id <= trace.count; id++) {
      if (trace.kind(id) !== F.produced || trace.actor(id) !== maker) continue;
      const cause = trace.cause(id);
      expect(trace.kind(cause)).toBe(F.applied);
      expect(trace.messageOf(cause)).not.toBe(trace.messageOf(id));
    }
  });

  it('is lost by a crash between settling and publishing, when it is published after settling', () => {
    const crash = 'timeline: [{ when: acked, by: maker, nth: 2, crash: maker, restart: 3s }]';
    const before = pipeline('sqs', 'sqs', '', crash);
    const after = before.replace('to: thumbnails }', 'to: thumbnails, publish: after-settling }');
    expect(after).not.toBe(before);
    expect([runOf(before).read.size, runOf(after).read.size]).toEqual([5, 4]);
  });

  it('is never lost when an outbox holds it, whenever its maker dies', () => {
    for (const when of ['recorded', 'acked', 'confirmed', 'applied', 'settled', 'marked']) {
      const crash = `timeline: [{ when: ${when}, by: maker, nth: 2, crash: maker, restart: 3s }]`;
      const text = pipeline('sqs', 'sqs', ', VisibilityTimeout: 10s, effect: { insert: pictures }', crash);
      expect([when, runOf(text.replace('to: thumbnails }', 'to: thumbnails, publish: outbox }')).read.size]).toEqual([
        when,
        5,
      ]);
    }
  });
});

describe('a producer with a store of its own', () => {
  const shop = (publish: string, when: string) => `
title: a shop
broker: sqs
duration: 1min
queues: { orders: {} }
producers:
  maker: { to: orders, rate: 1/s, messages: 5, effect: { insert: book }, publish: ${publish} }
consumers:
  reader: { from: orders, effect: { insert: parcels } }
network: { latency: 2ms }
timeline: [{ when: ${when}, by: maker, nth: 2, crash: maker, restart: 2s }]`;

  it.each([
    ['after-effect', 'recorded', 5, 4],
    ['before-effect', 'confirmed', 4, 5],
    ['outbox', 'recorded', 5, 5],
    ['outbox', 'confirmed', 5, 5],
  ] as const)('%s, and a crash when it is %s: %i recorded, %i read', (publish, when, recorded, read) => {
    const seen = runOf(shop(publish, when));
    let count = 0;
    for (let id = 1; id <= seen.trace.count; id++) if (seen.trace.kind(id) === F.recorded) count++;
    expect([count, seen.read.size]).toEqual([recorded, read]);
  });
});
