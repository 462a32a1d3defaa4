import { beforeEach, expect, it } from 'vitest';
import { Simulator } from '../../web/client.ts';
import { Pool, WORKERS_MOST } from '../../web/player/pool.ts';
import type { Report, Request } from '../../web/protocol.ts';

/** Stands for a worker: it keeps what it is asked, and answers when the test says so. */
class FakeWorker {
  onmessage: ((event: { readonly data: Report }) => void) | null = null;
  onerror: ((event: { readonly message: string; preventDefault(): void }) => void) | null = null;
  readonly asked: Request[] = [];
  isAlive = true;

  postMessage(request: Request): void {
    this.asked.push(request);
  }

  terminate(): void {
    this.isAlive = false;
  }

  say(report: Report): void {
    this.onmessage?.({ data: report });
  }

  /** The whole of a run, as the worker reports it. */
  run(run: number): void {
    this.say({ type: 'ended', run, digest: 'd', ending: 'duration' });
    this.say({ type: 'judged', run, judgement: { totals: null, verdicts: [], expectations: [], goals: [] } });
    this.say({ type: 'failed', run, message: 'stands for the charts, after which nothing comes' });
  }
}

const REQUEST = { file: 'f', text: 't', seed: null, sets: [], lines: [], under: null, recorded: null } as const;

let workers: FakeWorker[];
let pool: Pool;

beforeEach(() => {
  workers = [];
  pool = new Pool(() => {
    const worker = new FakeWorker();
    workers.push(worker);
    return worker as unknown as Worker;
  });
});

const alive = (): number => workers.filter(({ isAlive }) => isAlive).length;

function simulators(count: number, heard: Report[] = []): Simulator[] {
  return Array.from({ length: count }, () => new Simulator(pool, (report) => heard.push(report)));
}

it('no more workers live than are allowed, and who comes later waits until one has made its run', () => {
  const all = simulators(WORKERS_MOST + 2);
  for (const one of all) one.run(REQUEST);
  expect(alive()).toBe(WORKERS_MOST);
  workers[1]?.run(1);
  expect(workers[1]?.isAlive).toBe(false);
  expect(alive()).toBe(WORKERS_MOST);
  expect(workers.at(-1)?.asked).toMatchObject([{ type: 'run', run: 1 }]);
});

it('who wants a worker before it has anything to do takes it from nobody', () => {
  simulators(WORKERS_MOST + 2);
  expect(workers).toHaveLength(WORKERS_MOST);
  expect(alive()).toBe(WORKERS_MOST);
});

it('who gave its worker up has its run made again, unheard, before it is asked about', async () => {
  const heard: Report[] = [];
  const [first] = simulators(1, heard);
  first?.run(REQUEST);
  workers[0]?.run(1);
  const before = heard.length;
  for (const one of simulators(WORKERS_MOST)) one.run(REQUEST);
  for (const worker of workers.slice(1)) worker.run(1);
  expect(workers[0]?.isAlive).toBe(false);
  const answer = first?.ask('facts', { actor: 0, message: 0, kinds: [] });
  const fresh = workers.at(-1);
  expect(fresh?.asked).toMatchObject([{ type: 'run', run: 1, text: 't' }]);
  fresh?.say({ type: 'ended', run: 1, digest: 'd', ending: 'duration' });
  expect(fresh?.asked.map(({ type }) => type)).toEqual(['run', 'ask']);
  expect(heard.length).toBe(before);
  const asked = fresh?.asked[1];
  if (asked?.type !== 'ask') throw new Error('nothing was asked');
  fresh?.say({ type: 'answer', id: asked.id, answer: { of: 'facts', answer: new Uint32Array([7]) } });
  expect(await answer).toEqual(new Uint32Array([7]));
});

it('who is over leaves its worker to the next, and is heard no more', () => {
  const heard: Report[] = [];
  const all = simulators(WORKERS_MOST + 1, heard);
  for (const one of all) one.run(REQUEST);
  all[0]?.end();
  expect(workers[0]?.isAlive).toBe(false);
  expect(workers).toHaveLength(WORKERS_MOST + 1);
  expect(workers.at(-1)?.asked).toHaveLength(1);
});

it('a worker that dies is told once, and the next request gets another one', () => {
  const heard: Report[] = [];
  const [only] = simulators(1, heard);
  only?.run(REQUEST);
  workers[0]?.onerror?.({ message: 'out of memory', preventDefault: () => undefined });
  expect(heard).toMatchObject([{ type: 'failed', message: expect.stringContaining('out of memory') }]);
  expect(alive()).toBe(0);
  only?.run(REQUEST);
  expect(alive()).toBe(1);
});

it('where no worker may be started, that is said and nothing is tried in a circle', () => {
  let tries = 0;
  const heard: Report[] = [];
  const forbidden = new Pool(() => {
    tries++;
    throw new Error('content security policy');
  });
  const simulator = new Simulator(forbidden, (report) => heard.push(report));
  simulator.run(REQUEST);
  expect(tries).toBe(2);
  expect(heard.at(-1)).toMatchObject({ type: 'failed', message: expect.stringContaining('worker-src') });
});
