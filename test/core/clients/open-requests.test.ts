/** Open requests: one alarm for all, each late at its own time. */
import { expect, it } from 'vitest';
import { OpenRequests } from '../../../core/clients/open-requests.ts';
import { MachineBench } from '../machine-bench.ts';

/** Requests by their names; `late` collects who was given up, and when; `rung` when the alarm came. */
function requests() {
  const bench = new MachineBench();
  const open = new OpenRequests<string>('late');
  const late: string[] = [];
  const rung: number[] = [];
  bench.start({
    start: () => {},
    receive: () => {},
    timer: (_, out) => {
      rung.push(bench.nowUs);
      for (const name of open.due(out)) late.push(`${bench.nowUs} ${name}`);
    },
    crash: () => {},
    restart: () => {},
  });
  return { bench, open, late, rung };
}

it('gives up each request at its own deadline, in whatever order they were made', () => {
  const { bench, open, late } = requests();
  for (const [name, timeout] of [
    ['slow', 30],
    ['quick', 10],
    ['middle', 20],
  ] as const)
    open.open(name, timeout, bench.out);
  bench.wait(100);
  expect(late).toEqual(['10 quick', '20 middle', '30 slow']);
});

it('does not give up what was answered, and goes on for the others', () => {
  const { bench, open, late } = requests();
  const token = open.open('answered', 10, bench.out);
  open.open('silent', 15, bench.out);
  bench.wait(5);
  expect([open.close(token, bench.out), open.close(token, bench.out), open.size]).toEqual(['answered', undefined, 1]);
  bench.wait(100);
  expect(late).toEqual(['15 silent']);
});

it('is not called when all were answered in time', () => {
  const { bench, open, rung } = requests();
  for (let i = 0; i < 3; i++) open.close(open.open('answered', 10, bench.out), bench.out);
  bench.wait(50);
  expect(rung).toEqual([]);
  open.open('silent', 10, bench.out);
  bench.wait(50);
  expect(rung).toEqual([60]);
});

it('works again after all was quiet', () => {
  const { bench, open, late } = requests();
  open.open('first', 10, bench.out);
  bench.wait(50);
  open.open('second', 10, bench.out);
  bench.wait(50);
  expect(late).toEqual(['10 first', '60 second']);
});

it('after a crash knows no old token, and gives none out again', () => {
  const { bench, open, late } = requests();
  const old = open.open('old', 10, bench.out);
  open.clear();
  const fresh = open.open('new', 10, bench.out);
  expect([open.close(old, bench.out), fresh === old]).toEqual([undefined, false]);
  bench.wait(50);
  expect(late).toEqual(['10 new']);
});

it('takes out all that match', () => {
  const { bench, open, late } = requests();
  for (const name of ['a1', 'b1', 'a2']) open.open(name, 10, bench.out);
  expect(open.closeAll((name) => name.startsWith('a'))).toEqual(['a1', 'a2']);
  expect([...open.items()]).toEqual(['b1']);
  bench.wait(50);
  expect(late).toEqual(['10 b1']);
});
