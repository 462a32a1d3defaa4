/**
 * A producer that writes its own store too, for each message: what it sells it also records. Done one after the other that is a dual write, and a crash in
 * between leaves the one without the other; with an outbox the message is a row of the same write, and a relay publishes it. A write
 * that fails or is not answered is tried again as `retry` says; the store recognises what it has written already.
 */
import { R } from '../facts.ts';
import type { Out, Setup, Site, Wire } from '../machine.ts';
import type { ActorId, Message, Micros } from '../types.ts';
import { type BackoffSettings, backoffUs } from './backoff.ts';
import { OpenRequests } from './open-requests.ts';
import type { OutboxRow } from './outbox.ts';
import type { WriteReply, WriteRequest } from './store.ts';

export interface RetrySettings extends BackoffSettings {
  /** Attempts after the first. */
  readonly attempts: number;
}

export interface OwnWriteSettings {
  readonly effect: 'increment' | 'set' | 'insert';
  readonly timeoutUs: Micros;
  readonly retry: RetrySettings | null;
  /** Under which name the outbox keeps the message; '' for no outbox. */
  readonly owner: string;
}

export interface OwnWriteHost {
  wrote(message: Message, out: Out): void;
  /** `definite`: nothing was written. */
  notWritten(message: Message, reason: number, definite: boolean, out: Out): void;
  retrying(message: Message, attempt: number, reason: number, out: Out): void;
}

interface Writing {
  readonly message: Message;
  readonly attempt: number;
  /** An earlier attempt may have been written. */
  readonly uncertain: boolean;
}

interface RetryTimer extends Wire {
  readonly type: 'client/rewrite';
  readonly writing: Writing;
  readonly reason: number;
}

const NO_ROWS: readonly OutboxRow[] = [];

export class OwnWrite {
  readonly #settings: OwnWriteSettings;
  readonly #store: ActorId;
  readonly #host: OwnWriteHost;
  readonly #site: Site;
  readonly #open = new OpenRequests<Writing>('client/write-late');
  /** Retries whose pause is not over. */
  readonly #pausing = new Map<number, Message>();

  constructor(name: string, settings: OwnWriteSettings, store: ActorId, host: OwnWriteHost, setup: Setup) {
    this.#settings = settings;
    this.#store = store;
    this.#host = host;
    this.#site = setup.site(`${name}/write-backoff`);
  }

  write(message: Message, out: Out): void {
    this.#ask({ message, attempt: 1, uncertain: false }, out);
  }

  written({ token, ok, reason }: WriteReply, out: Out): void {
    const writing = this.#open.close(token, out);
    if (writing === undefined) return;
    if (ok) this.#host.wrote(writing.message, out);
    else this.#again(writing, reason, false, out);
  }

  /** True when the timer was its own. */
  timer(wire: Wire, out: Out): boolean {
    if (wire.type === 'client/write-late') {
      for (const writing of this.#open.due(out)) this.#again(writing, R['timed out'], true, out);
      return true;
    }
    if (wire.type !== 'client/rewrite') return false;
    const { writing, reason } = wire as RetryTimer;
    this.#pausing.delete(writing.message.id);
    this.#host.retrying(writing.message, writing.attempt, reason, out);
    this.#ask(writing, out);
    return true;
  }

  /** The process died; returns the messages whose writes it had not heard of. */
  crash(): readonly Message[] {
    const open = [...this.#open.items()].map(({ message }) => message);
    open.push(...this.#pausing.values());
    this.#open.clear();
    this.#pausing.clear();
    return open;
  }

  #ask(writing: Writing, out: Out): void {
    const { effect, timeoutUs, owner } = this.#settings;
    const { message } = writing;
    const request: WriteRequest = {
      type: 'store/write',
      effect,
      message,
      token: this.#open.open(writing, timeoutUs, out),
      dedupUs: 0,
      sizeBytes: message.sizeBytes,
      own: true,
      rows: owner === '' ? NO_ROWS : [{ owner, message }],
    };
    out.send(this.#store, 'effect', request, message.id);
  }

  /** What a store refuses for good (a balance too low) is not tried again. */
  #again(writing: Writing, reason: number, uncertain: boolean, out: Out): void {
    const { retry } = this.#settings;
    const { message, attempt } = writing;
    const unsure = writing.uncertain || uncertain;
    if (retry === null || attempt > retry.attempts || reason === R['balance too low']) {
      return this.#host.notWritten(message, reason, !unsure, out);
    }
    const next: RetryTimer = {
      type: 'client/rewrite',
      writing: { message, attempt: attempt + 1, uncertain: unsure },
      reason,
    };
    this.#pausing.set(message.id, message);
    out.timer(backoffUs(retry, attempt, out, this.#site, message.decisionKey), next);
  }
}
