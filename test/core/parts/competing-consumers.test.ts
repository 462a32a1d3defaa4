import { describe, expect, test } from 'vitest';
import type { ConsumerMode } from '../../../core/parts/competing-consumers.ts';
import { CompetingConsumers } from '../../../core/parts/competing-consumers.ts';

class Worker {
  readonly name: string;
  readonly priority: number;
  readonly prefetch: number;
  held = 0;

  constructor(name: string, prefetch = 1000, priority = 0) {
    this.name = name;
    this.prefetch = prefetch;
    this.priority = priority;
  }

  canTake(): boolean {
    return this.held < this.prefetch;
  }

  outstanding(): number {
    return this.held;
  }
}

function line(mode: ConsumerMode, ...workers: readonly Worker[]) {
  const consumers = new CompetingConsumers<Worker>(mode);
  for (const worker of workers) consumers.add(worker);
  const give = (messages: number) => {
    const names: string[] = [];
    for (let message = 0; message < messages; message += 1) {
      const worker = consumers.next();
      if (worker !== undefined) worker.held += 1;
      names.push(worker?.name ?? '-');
    }
    return names.join(' ');
  };
  const ack = (worker: Worker) => {
    worker.held -= 1;
    consumers.settled(worker);
  };
  return { consumers, give, ack };
}

describe('competing consumers', () => {
  test('take turns, and a newcomer waits for its turn (R22)', () => {
    const [a, b, c] = [new Worker('a'), new Worker('b'), new Worker('c')];
    const { consumers, give } = line('competing', a, b);
    expect(give(3)).toBe('a b a');
    consumers.add(c);
    expect(give(6)).toBe('b a c b a c');
    consumers.remove(a);
    expect(give(4)).toBe('b c b c');
  });

  test('a full prefetch passes the turn on (R24)', () => {
    const [slow, fast] = [new Worker('slow', 1), new Worker('fast', 2)];
    const { give, ack } = line('competing', slow, fast);
    expect(give(4)).toBe('slow fast fast -');
    ack(slow);
    expect(give(2)).toBe('slow -');
  });

  test('a higher priority gets everything until its prefetch is full (R23)', () => {
    const [low, high] = [new Worker('low', 10), new Worker('high', 3, 10)];
    const { give, ack } = line('competing', low, high);
    expect(give(6)).toBe('high high high low low low');
    ack(high);
    expect(give(3)).toBe('high low low');
  });
});

describe('a single active consumer', () => {
  test('gets everything; when full, nothing spills to those that stand by (R59)', () => {
    const [a, b] = [new Worker('a', 1), new Worker('b')];
    const { give, ack } = line('single', a, b);
    expect(give(3)).toBe('a - -');
    ack(a);
    expect(give(1)).toBe('a');
  });

  test('is followed by the next registered, in a classic queue whatever the priorities at first', () => {
    const [a, b, c] = [new Worker('a'), new Worker('b'), new Worker('c', 1000, 5)];
    const { consumers, give } = line('single', a, b, c);
    expect(give(2)).toBe('a a');
    consumers.remove(a);
    expect(give(1)).toBe('c');
    consumers.remove(c);
    expect(give(1)).toBe('b');
  });

  test('in a quorum queue hands over to a higher priority once it has nothing outstanding (R60)', () => {
    const [a, b] = [new Worker('a', 10, 1), new Worker('b', 10, 3)];
    const { consumers, give, ack } = line('single-by-priority', a);
    expect(give(1)).toBe('a');
    consumers.add(b);
    expect(consumers.active()).toBe(a);
    expect(give(1)).toBe('-');
    ack(a);
    expect(consumers.active()).toBe(b);
    expect(give(1)).toBe('b');
  });

  test('in a quorum queue of those that wait with one priority the largest prefetch goes first (R60)', () => {
    const [a, b, c, d] = [new Worker('a', 5), new Worker('b', 1), new Worker('c', 10), new Worker('d', 10)];
    const { consumers } = line('single-by-priority', a, b, c, d);
    expect(consumers.active()).toBe(a);
    consumers.remove(a);
    expect(consumers.active()).toBe(c);
    consumers.remove(c);
    expect(consumers.active()).toBe(d);
  });
});
