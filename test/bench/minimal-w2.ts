/**
 * The yardstick of the benchmark: the model of W2 (a queue with a visibility timeout, a dead-letter queue, and workers that crash) as the minimal
 * loop that one would write by hand for this model alone. No network, no trace, no causes, no settings; ordinary objects, one heap of events, and
 * Math.log for its exponential draws, since nothing here has to agree with another engine.
 */
import seedrandom from 'seedrandom';

export interface W2Outcome {
  deliveries: number;
  settled: number;
  deadLettered: number;
}

interface Job {
  poison: boolean;
  receives: number;
  done: boolean;
}

interface Event {
  time: number;
  order: number;
  type: 'arrival' | 'finished' | 'lock over' | 'restart';
  job: Job | null;
  worker: number;
  receive: number;
}

export function minimalW2(messages: number, seed: string): W2Outcome {
  const random = seedrandom.alea(seed);
  const heap: Event[] = [];
  let order = 0;
  let now = 0;
  const ready: Job[] = [];
  let head = 0;
  const idle = [0, 1, 2, 3, 4, 5, 6, 7];
  const outcome: W2Outcome = { deliveries: 0, settled: 0, deadLettered: 0 };
  let made = 0;

  const before = (a: Event, b: Event): boolean => a.time < b.time || (a.time === b.time && a.order < b.order);
  const push = (delay: number, type: Event['type'], job: Job | null, worker: number, receive: number): void => {
    const event: Event = { time: now + delay, order: order++, type, job, worker, receive };
    let i = heap.length;
    heap.push(event);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const other = heap[parent] as Event;
      if (before(other, event)) break;
      heap[i] = other;
      i = parent;
    }
    heap[i] = event;
  };
  const pop = (): Event | undefined => {
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Event, heap[child] as Event)) child++;
      if (before(last, heap[child] as Event)) break;
      heap[i] = heap[child] as Event;
      i = child;
    }
    heap[i] = last;
    return top;
  };
  const exponential = (mean: number): number => -mean * Math.log(1 - random());
  const dispatch = (): void => {
    while (idle.length > 0 && head < ready.length) {
      const job = ready[head++] as Job;
      if (head > 4096 && head * 2 > ready.length) {
        ready.splice(0, head);
        head = 0;
      }
      if (job.done) continue;
      if (job.receives >= 5) {
        job.done = true;
        outcome.deadLettered++;
        continue;
      }
      const worker = idle.shift() as number;
      job.receives++;
      outcome.deliveries++;
      push(exponential(1), 'finished', job, worker, job.receives);
      push(5, 'lock over', job, worker, job.receives);
    }
  };

  push(exponential(1 / 4.5), 'arrival', null, 0, 0);
  for (let event = pop(); event !== undefined; event = pop()) {
    now = event.time;
    const { job } = event;
    if (event.type === 'arrival') {
      made++;
      ready.push({ poison: random() < 0.005, receives: 0, done: false });
      if (made < messages) push(exponential(1 / 4.5), 'arrival', null, 0, 0);
    } else if (event.type === 'restart') idle.push(event.worker);
    else if (job !== null && event.type === 'finished') {
      if (!job.poison && random() < 0.05) push(5, 'restart', null, event.worker, 0);
      else {
        if (!job.poison && event.receive === job.receives && !job.done) {
          job.done = true;
          outcome.settled++;
        }
        idle.push(event.worker);
      }
    } else if (job !== null && !job.done && event.receive === job.receives) ready.push(job);
    dispatch();
  }
  return outcome;
}
