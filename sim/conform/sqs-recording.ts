/**
 * Replays a recorded SQS experiment; labels are bodies. The machine answers as the service does. A recording of the emulator is compared with what that would say, as far
 * as it is known to say something else (`Emulator`), save where the recording itself says that the service is to be followed. Where AWS leaves an outcome open (S6: an old handle of a standard queue may delete or not), what was
 * recorded must be one of those that it allows.
 */
import type { OptionValues } from '../../core/options.ts';
import {
  asRecorded,
  Fields,
  Findings,
  isTable,
  type Json,
  type JsonTable,
  type Runner,
  SLACK_MS,
  UnknownShape,
} from './case.ts';
import { type How, type Received, SqsClient } from './sqs-client.ts';
import { optionsOf, SECOND, secondsOr } from './sqs-settings.ts';

interface Handle {
  readonly receipt: number;
}

interface OpenReceive {
  readonly received: Received;
  readonly queue: string;
}

export const runRecording: Runner = (table, findings) => {
  const emulated = table['system'] === 'sqs-moto' && table['differsFromAws'] !== true;
  const usual = replayed(table, emulated, {});
  const other = usual.differences.length === 0 ? usual : replayed(table, emulated, { 'stale-deletes': 1 });
  if (other.differences.length === 0) findings.adopt(other, 'as allowed');
  else findings.adopt(usual, 'as usual');
};

function replayed(table: JsonTable, emulated: boolean, chances: OptionValues): Findings {
  const findings = new Findings();
  const row = new Fields(table, 'recording').skip('id', 'system', 'version', 'title', 'notes', 'differsFromAws');
  const script = row.fields('script');
  const steps = script.rows('steps');
  const creations = steps.filter((step) => step.text('op') === 'createQueue');
  const replay = new RecordedScript(creations, emulated ? new Emulator() : null, chances);
  const wanted = new Map(row.rows('observed').map((observed) => [observed.number('step'), observed]));
  const unstable = row.list('unstable', []);
  row.end();
  script.end();
  steps.forEach((step, index) => {
    const seen = replay.step(step);
    const observed = wanted.get(index);
    if (observed !== undefined) compareObserved(`step ${index}`, observed, seen, unstable, findings);
    else findings.same(`step ${index}`, {}, seen);
  });
  return findings;
}

/** Compares what a step made visible with what was recorded, leaving out what differed between runs. */
function compareObserved(
  where: string,
  observed: Fields,
  seen: JsonTable,
  unstable: readonly Json[],
  findings: Findings,
): void {
  for (const name of ['result', 'replies']) {
    const [expected, actual] = [observed.get(name), seen[name]];
    if (unstable.includes(`${where}/${name}`)) continue;
    const agrees =
      expected === undefined || actual === undefined
        ? expected === actual
        : asRecorded(expected, actual, SLACK_MS, byGroup);
    findings.holds(`${where}.${name}`, agrees, expected ?? null, actual ?? null);
  }
  observed.end();
}

/** S28: between message groups no order is promised, so the messages of each are compared in their order. */
function byGroup(list: readonly Json[]): readonly Json[] {
  const groupOf = (one: Json): string => (isTable(one) ? String(one['group'] ?? '') : '');
  const groups = [...new Set(list.map(groupOf))].sort();
  return groups.length < 2 ? list : groups.flatMap((group) => list.filter((one) => groupOf(one) === group));
}

/**
 * What moto 5.2.1 says otherwise than the service, as recorded: a deduplicated send is told a MessageId of its own (S29), and the handle of a deleted message is
 * known no more when its visibility is to be changed (S6).
 */
class Emulator {
  readonly #deleted = new Set<string>();

  deleted(queue: string, receipt: number): void {
    this.#deleted.add(`${queue} ${receipt}`);
  }

  errorOfChange(queue: string, receipt: number, error: string): string {
    return error !== '' && this.#deleted.has(`${queue} ${receipt}`) ? 'ReceiptHandleIsInvalid' : error;
  }
}

class RecordedScript {
  readonly #client: SqsClient;
  readonly #emulator: Emulator | null;
  readonly #fifo = new Set<string>();
  /** Receipts of each queue's messages, in the order of the receives. */
  readonly #handles = new Map<string, Handle[]>();
  readonly #labelOfId = new Map<number, string>();
  readonly #groupOfId = new Map<number, string>();
  readonly #open = new Map<string, OpenReceive>();

  constructor(declarations: readonly Fields[], emulator: Emulator | null, chances: OptionValues) {
    this.#emulator = emulator;
    this.#client = new SqsClient(
      declarations.map((declaration) => {
        const name = declaration.text('queue');
        const { fifo, redrive, ...attributes } = declaration.table('attributes');
        if (fifo === true || name.endsWith('.fifo')) this.#fifo.add(name);
        const options = optionsOf(attributes);
        const policy = redrive === undefined ? null : new Fields(redrive, 'redrive');
        const dead = policy && {
          deadLetterTargetArn: policy.text('to'),
          maxReceiveCount: policy.number('maxReceiveCount'),
        };
        declaration.end();
        const extras = { ...(fifo === true && { FifoQueue: true }), ...(dead && { RedrivePolicy: dead }) };
        return { name, options: { ...options, ...extras, ...chances } };
      }),
    );
  }

  /** Does one step at the current time; what came of it. */
  step(step: Fields): JsonTable {
    const client = this.#client;
    const op = step.text('op');
    if (op === 'createQueue') return {};
    let result: Json | undefined;
    if (op === 'wait') {
      client.advanceTo(client.nowUs + Math.round(step.number('ms') * 1000));
    } else {
      const queue = step.text('queue');
      switch (op) {
        case 'send':
          result = this.#send(queue, step);
          break;
        case 'sendBatch':
          result = this.#sendBatch(queue, step);
          break;
        case 'receive':
          result = this.#receive(queue, step);
          break;
        case 'delete':
          result = this.#delete(queue, this.#handle(queue, step));
          break;
        case 'changeVisibility': {
          const [us, receipt] = [Math.round(step.number('seconds') * SECOND), this.#handle(queue, step)];
          const { error } = client.changeVisibility(queue, receipt, us);
          result = answerOf(this.#emulator?.errorOfChange(queue, receipt, error) ?? error);
          break;
        }
        case 'depth': {
          const depth = client.machine.depth(queue);
          result = depth === undefined ? null : { ...depth };
          break;
        }
        case 'purge':
          result = answerOf(client.call({ type: 'PurgeQueue', queue }).error);
          break;
        default:
          throw new UnknownShape(`the step ${op}`);
      }
    }
    step.end();
    const replies = this.#repliesThatCame();
    return { ...(result !== undefined && { result }), ...(replies !== null && { replies }) };
  }

  #send(queue: string, step: Fields): Json {
    const label = step.text('msg');
    const how = recordedHow(step);
    const sent = this.#client.send(queue, label, how);
    if (sent.error !== '') return { error: sent.error };
    const known = this.#labelOfId.get(sent.messageId);
    if (known === undefined) return this.#note(sent.messageId, label, how);
    return this.#emulator === null ? { sameIdAs: known } : 'sent';
  }

  #delete(queue: string, receipt: number): Json {
    const { error } = this.#client.delete(queue, receipt);
    if (error === '') this.#emulator?.deleted(queue, receipt);
    return answerOf(error);
  }

  #note(messageId: number, label: string, { group }: How): string {
    this.#labelOfId.set(messageId, label);
    this.#groupOfId.set(messageId, group);
    return 'sent';
  }

  /** The labels are the ids of the entries. */
  #sendBatch(queue: string, step: Fields): Json {
    const entries = step.rows('entries').map((entry) => {
      const made = { id: entry.text('msg'), body: entry.text('msg'), how: recordedHow(entry) };
      entry.end();
      return made;
    });
    const { error, successful, failed, results } = this.#client.sendBatch(queue, entries);
    if (error !== '') return { error };
    results.forEach(({ messageId }, index) => {
      const entry = entries.find(({ id }) => id === successful[index]);
      if (entry !== undefined && !this.#labelOfId.has(messageId)) this.#note(messageId, entry.body, entry.how);
    });
    return { ok: successful, failed: failed.map(({ id }) => id) };
  }

  #receive(queue: string, step: Fields): Json | undefined {
    const received = this.#client.receive(queue, {
      max: step.number('max', 1),
      waitUs: secondsOr(step, 'waitSeconds', 0),
      visibilityUs: secondsOr(step, 'visibility', -1),
    });
    const name = step.get('as');
    if (typeof name === 'string') {
      this.#open.set(name, { received, queue });
      return undefined;
    }
    this.#client.awaitAnswer(received);
    return this.#shown(queue, received);
  }

  /** What a receive got, and remembers its handles. */
  #shown(queue: string, { error, messages }: Received): Json {
    if (error !== '') return { error };
    return messages.map(({ message, handle: receipt, attempt, messageId }) => {
      const key = `${queue} ${this.#client.body(message)}`;
      const handles = this.#handles.get(key) ?? [];
      this.#handles.set(key, [...handles, { receipt }]);
      const group = this.#groupOfId.get(messageId) ?? '';
      return { msg: this.#client.body(message), receiveCount: attempt, ...(group !== '' && { group }) };
    });
  }

  #repliesThatCame(): JsonTable | null {
    const replies: Record<string, Json> = {};
    for (const [name, { received, queue }] of this.#open) {
      if (received.answeredAtUs < 0) continue;
      this.#open.delete(name);
      const after = Math.round((received.answeredAtUs - received.askedAtUs) / 1000);
      replies[name] = { messages: this.#shown(queue, received), after };
    }
    return Object.keys(replies).length === 0 ? null : replies;
  }

  #handle(queue: string, step: Fields): number {
    if (step.has('handle')) return step.get('handle') === 'garbage' ? -1 : this.#strangeHandle();
    const handles = this.#handles.get(`${queue} ${step.text('msg')}`) ?? [];
    return handles[step.number('receive', handles.length) - 1]?.receipt ?? -1;
  }

  #strangeHandle(): never {
    throw new UnknownShape('a handle other than "garbage"');
  }
}

function recordedHow(step: Fields): How {
  const dedup = step.get('dedup');
  return {
    group: step.text('group', ''),
    dedupId: typeof dedup === 'string' ? dedup : null,
    delayUs: secondsOr(step, 'delay', -1),
    own: {},
    bytes: 0,
    bad: false,
    system: [],
  };
}

function answerOf(error: string): Json {
  return error === '' ? 'ok' : { error };
}
