/** Tasks that move a dead-letter queue's messages back (S12): what each was asked to do and how far it came. Moving itself is done by the service. */
import type { Wire } from '../machine.ts';
import type { Micros } from '../types.ts';

/** A task ends after so long (S12). */
export const TASK_US_MAX: Micros = 36 * 3600 * 1_000_000;
/** At most so many tasks run at a time, and at most so many messages a second each (S12). */
export const TASKS_MAX = 100;
export const TASK_RATE_MAX = 500;

export type TaskStatus = 'RUNNING' | 'COMPLETED' | 'CANCELLING' | 'CANCELLED' | 'FAILED';

export interface MoveTask extends Wire {
  readonly type: 'move';
  /** TaskHandle. */
  readonly handle: number;
  /** SourceArn. */
  readonly queue: string;
  /** DestinationArn; '' for the queue that each message came from. */
  readonly to: string;
  readonly perSecond: number;
  readonly startedAtUs: Micros;
  /** How many messages there were to move. */
  readonly toMove: number;
  left: number;
  moved: number;
  status: TaskStatus;
  /** Why it failed; '' otherwise. */
  failure: string;
}

export class MoveTasks {
  readonly #all: MoveTask[] = [];

  start(queue: string, to: string, perSecond: number, toMove: number, now: Micros): MoveTask {
    const handle = this.#all.length + 1;
    const task: MoveTask = {
      type: 'move',
      handle,
      queue,
      to,
      perSecond,
      startedAtUs: now,
      toMove,
      left: toMove,
      moved: 0,
      status: 'RUNNING',
      failure: '',
    };
    this.#all.push(task);
    return task;
  }

  get active(): number {
    return this.#all.filter(isActive).length;
  }

  byHandle(handle: number): MoveTask | undefined {
    return this.#all[handle - 1];
  }

  /** Those of a source, the newest first. */
  of(queue: string): MoveTask[] {
    return this.#all.filter((task) => task.queue === queue).reverse();
  }
}

export function isActive({ status }: MoveTask): boolean {
  return status === 'RUNNING' || status === 'CANCELLING';
}

export function end(task: MoveTask, status: MoveTask['status'], failure = ''): void {
  task.status = status;
  task.failure = failure;
}
