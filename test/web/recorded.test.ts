import { expect, it } from 'vitest';
import { F } from '../../core/facts.ts';
import { traceLines } from '../../sim/jsonl.ts';
import { Trace } from '../../sim/trace.ts';
import { readRecorded } from '../../web/share/recorded.ts';
import { traceOf } from '../sim/runs.ts';

const YAML = `
title: Two jobs and a crash
duration: 40s
broker: sqs
queues: { jobs: { VisibilityTimeout: 5s, RedrivePolicy: { deadLetterTargetArn: dead, maxReceiveCount: 2 } }, dead: {} }
producers: { shop: { to: jobs, rate: 1/s, messages: 4, key: user } }
consumers: { worker: { from: jobs, process: 1s, effect: { set: rows } } }
timeline:
  - { when: applied, crash: worker, restart: 1s }
`;
const ABOUT = { title: 'Two jobs and a crash', seed: '1', scenario: YAML };
const fileOf = (trace: Trace): Blob => new Blob([...traceLines(trace, ABOUT)].map((line) => `${line}\n`));

it('reads a trace in pieces, tells how far it is, and gives what it was run from', async () => {
  const trace = traceOf(YAML);
  const shares: number[] = [];
  const read = await readRecorded(fileOf(trace), (share) => shares.push(share));
  if ('problem' in read) throw new Error(read.problem);
  expect(read.trace.digest).toBe(trace.digest);
  expect(read.source).toEqual({ text: YAML, seed: '1', under: null });
  expect(shares.at(-1)).toBeLessThanOrEqual(1);
});

it('a file without a line end, and one line that never ends', async () => {
  const whole = [...traceLines(traceOf(YAML), ABOUT)].join('\n');
  expect('problem' in (await readRecorded(new Blob([whole]), () => undefined))).toBe(false);
  const endless = await readRecorded(new Blob([whole.slice(0, 2000), 'x'.repeat(6_000_000)]), () => undefined);
  expect('problem' in endless && endless.problem).toContain('This is no trace that can be shown');
});

it('facts that are each possible and make no sense together are refused or shown, and never throw', async () => {
  const good = traceOf(YAML);
  let n = 20_240_601;
  const below = (most: number): number => {
    n = (Math.imul(n, 1664525) + 1013904223) >>> 0;
    return Math.floor((n / 4294967296) * most);
  };
  let refused = 0;
  for (let round = 0; round < 150; round++) {
    const bad = new Trace();
    bad.actors.splice(0, 1, ...good.actors);
    bad.places.splice(0, 1, ...good.places);
    for (let id = 1; id <= good.count; id++) {
      const fact = good.fact(id);
      const spoil = below(12) === 0;
      const kind = spoil ? 1 + below(Object.keys(F).length) : good.kind(id);
      if (good.kind(id) === F.produced) bad.addMessage(good.message(fact.message));
      const message = spoil ? below(bad.messageCount + 1) : fact.message;
      bad.append(
        fact.timeUs,
        kind === F.produced && good.kind(id) !== F.produced ? F.settled : kind,
        spoil ? below(good.actors.length) : fact.actor,
        good.kind(id) === F.produced ? fact.message : message,
        spoil ? below(good.places.length) : fact.place,
        spoil ? below(good.actors.length) : fact.peer,
        spoil && below(2) === 0 ? below(4294967296) : fact.value,
        spoil && below(2) === 0 ? below(300) : fact.detail,
        fact.cause,
      );
    }
    bad.endedAtUs = good.endedAtUs;
    const read = await readRecorded(fileOf(bad), () => undefined);
    if ('problem' in read) refused++;
  }
  expect(refused).toBeLessThan(150);
});
