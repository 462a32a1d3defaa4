/** The client of Redis Streams: what it asks for while replies are under way, and when one is lost. */
import { expect, it } from 'vitest';
import type { ReadReply, XReadGroup } from '../../../core/brokers/redis-streams-verbs.ts';
import type { ConsumerHost } from '../../../core/clients/ports.ts';
import { RedisStreamsConsumerPort } from '../../../core/clients/redis-streams-consumer-port.ts';
import type { Handed } from '../../../core/parts/redis-stream.ts';
import { LEAST_ID } from '../../../core/parts/stream-id.ts';
import { MachineBench } from '../machine-bench.ts';

const NODE = 9;
const SECOND = 1_000_000;

/** A consumer of one stream with room for one message, which claims each second and waits 2 s for a reply. */
function consumer() {
  const bench = new MachineBench();
  const place = bench.setup.place('jobs', 'queue');
  const heard: string[] = [];
  const host: ConsumerHost = {
    deliver: (deliveries) => heard.push(...deliveries.map(({ message }) => `m${message.id}`)),
    settled: () => {},
    revoked: () => {},
    disconnected: () => {},
  };
  const options = { 'min-idle-time': 3 * SECOND, 'claim-interval': SECOND, BLOCK: 30 * SECOND };
  const spec = { name: 'w', declared: 'w', instance: 1, from: ['jobs'], group: 'g', prefetch: 1 };
  const port = new RedisStreamsConsumerPort(NODE, { ...spec, options, settle: 'after-processing' }, true, host);
  bench.start({
    start: port.start.bind(port),
    receive: port.receive.bind(port),
    timer: port.timer.bind(port),
    crash: () => port.crash(),
    restart: () => {},
  });
  port.room(1, bench.out);
  /** The node answers a read with so many new messages. */
  const answer = ({ token }: XReadGroup, messages: number) => {
    const entries = Array.from({ length: messages }, () => {
      const message = bench.message();
      return { id: { ms: message.id, seq: 0 }, message, count: 1, pending: null, entry: null } as Handed;
    });
    const streams = messages === 0 ? null : [{ key: 'jobs', place, entries }];
    bench.receive(NODE, { type: 'read', token, streams, claims: false, sizeBytes: 0 } as ReadReply);
  };
  const reads = () => bench.takeSent().flatMap(({ wire }) => (wire.type === 'XREADGROUP' ? [wire as XReadGroup] : []));
  return { bench, port, heard, answer, reads };
}

const afterOf = ({ streams }: XReadGroup): unknown => streams[0]?.after;

it('reads no second time beside a read under way when the reply to a claim is lost, and its own pending entries after that', () => {
  const { bench, port, heard, answer, reads } = consumer();
  const [history] = reads();
  expect(afterOf(history as XReadGroup)).toEqual(LEAST_ID);
  answer(history as XReadGroup, 0);
  const [fresh] = reads();
  expect(afterOf(fresh as XReadGroup)).toBe('>');
  // The first claim goes out after 1 s and is given up 2 s later.
  bench.wait(3.5 * SECOND);
  expect(reads()).toEqual([]);
  answer(fresh as XReadGroup, 1);
  expect(heard).toEqual(['m1']);
  port.room(1, bench.out);
  expect(reads().map(afterOf)).toEqual([LEAST_ID]);
});

it('claims again when the reply to a claim is lost', () => {
  const { bench } = consumer();
  const claims = () => bench.takeSent().filter(({ wire }) => wire.type === 'XAUTOCLAIM').length;
  bench.wait(2.5 * SECOND);
  expect(claims()).toBe(1);
  bench.wait(2 * SECOND);
  expect(claims()).toBe(1);
});

it('reads again, from its own pending entries on, when the reply to a read is lost', () => {
  const { bench, answer, reads } = consumer();
  answer(reads()[0] as XReadGroup, 0);
  expect(reads().map(afterOf)).toEqual(['>']);
  bench.wait(33 * SECOND);
  expect(reads().map(afterOf)).toEqual([LEAST_ID]);
});
