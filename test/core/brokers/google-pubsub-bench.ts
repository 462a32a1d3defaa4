/** Google Pub/Sub driven by the calls of its API, without network or clients. Messages are named by their data. Times are seconds. */
import { PubsubNode } from '../../../core/brokers/google-pubsub-node.ts';
import type {
  AckResponse,
  PublishResponse,
  PubsubRequest,
  PullResponse,
  PushRequest,
  ReceivedMessage,
  SeekResponse,
  SnapshotResponse,
  StreamingPullResponse,
  StreamState,
  UpdateResponse,
} from '../../../core/brokers/google-pubsub-verbs.ts';
import type { OptionValues } from '../../../core/options.ts';
import { MachineBench } from '../machine-bench.ts';

const SECOND = 1_000_000;
const CLIENT = 7;

type Unsent<T = PubsubRequest> = T extends { readonly token: number } ? Omit<T, 'token'> : never;
type Answer =
  | PublishResponse
  | PullResponse
  | AckResponse
  | SeekResponse
  | SnapshotResponse
  | StreamState
  | UpdateResponse;

export class PubsubBench {
  readonly bench = new MachineBench();
  readonly node: PubsubNode;
  /** Everything that came on streams, by client, and every push that was not answered. */
  readonly streamed: string[] = [];
  readonly pushes: PushRequest[] = [];
  readonly #data = new Map<number, string>();
  readonly #answers = new Map<number, Answer>();
  readonly #last = new Map<string, ReceivedMessage>();
  readonly #placeNames = new Map<number, string>();
  #tokens = 0;

  /** Subscriptions are of the topic `t` unless they say otherwise. */
  constructor(
    subscriptions: Readonly<Record<string, OptionValues>>,
    topics: Readonly<Record<string, OptionValues>> = { t: {}, dead: {} },
  ) {
    const { bench } = this;
    const declared = Object.entries(subscriptions).map(([name, options]) => ({
      name,
      options: { topic: 't', ...options },
    }));
    const named = Object.entries(topics).map(([name, options]) => ({ name, options }));
    this.node = new PubsubNode(named, declared, bench.setup);
    for (const { name } of declared) this.#placeNames.set(bench.setup.place(name, 'queue'), name);
    bench.start(this.node);
    for (const [actor, name] of [
      [CLIENT, 'client'],
      [8, 'c1'],
      [9, 'c2'],
    ] as const)
      bench.names.set(actor, name);
  }

  at(second: number): this {
    const us = Math.round(second * SECOND) - this.bench.nowUs;
    if (us > 0) this.bench.wait(us);
    this.#hear();
    return this;
  }

  /** The error's name; '' for none. */
  publish(
    data: string,
    how: { key?: string; attributes?: Readonly<Record<string, string>>; bytes?: number } = {},
  ): string {
    const dataBytes = how.bytes ?? data.length;
    const message = this.bench.message({ sizeBytes: dataBytes, attributes: how.attributes ?? {} });
    this.#data.set(message.id, data);
    const one = { message, orderingKey: how.key ?? '', attributes: how.attributes ?? {}, dataBytes };
    return this.ask({ type: 'Publish', topic: 't', messages: [one], sizeBytes: dataBytes }).error;
  }

  /** Data of what a pull gives at once. */
  pull(subscription: string, maxMessages = 10): string[] {
    const { messages } = this.received(subscription, maxMessages);
    return messages.map((message) => this.dataOf(message));
  }

  received(subscription: string, maxMessages = 10): PullResponse {
    const answer = this.ask({ type: 'Pull', subscription, maxMessages, waitUs: 0 }) as PullResponse;
    this.#note(answer.messages);
    return answer;
  }

  /** Opens a stream for c1 (actor 8) or c2 (actor 9). */
  stream(subscription: string, actor: number, maxMessages = 0): string {
    const request: Unsent = { type: 'StreamingPull', subscription, maxMessages, maxBytes: 0, ackDeadlineUs: 0 };
    return this.ask(request, actor).error;
  }

  lastOf(data: string): ReceivedMessage {
    const last = this.#last.get(data);
    if (last === undefined) throw new Error(`${data} was never delivered`);
    return last;
  }

  ack(received: string | ReceivedMessage): string {
    const one = typeof received === 'string' ? this.lastOf(received) : received;
    return this.ask({ type: 'Acknowledge', subscription: this.#subscriptionOf(one), acks: [one] }).error;
  }

  /** 0 seconds is a nack. */
  modify(received: string | ReceivedMessage, seconds: number): string {
    const one = typeof received === 'string' ? this.lastOf(received) : received;
    const subscription = this.#subscriptionOf(one);
    return this.ask({ type: 'ModifyAckDeadline', subscription, acks: [one], deadlineUs: seconds * SECOND }).error;
  }

  answerPush(request: PushRequest, status: number): void {
    const { token, subscription } = request;
    this.bench.receive(8, { type: 'PushResponse', token, subscription, status } as PubsubRequest);
    this.#hear();
  }

  /** The error's name; '' for none. */
  update(subscription: string, settings: OptionValues): string {
    return this.ask({ type: 'UpdateSubscription', subscription, settings }).error;
  }

  takePushes(): PushRequest[] {
    this.#hear();
    return this.pushes.splice(0);
  }

  dataOf({ message }: ReceivedMessage): string {
    return this.#data.get(message.id) ?? '';
  }

  ask(request: Unsent, from = CLIENT): Answer {
    const token = ++this.#tokens;
    this.bench.receive(from, { ...request, token } as PubsubRequest);
    this.#hear();
    const answer = this.#answers.get(token);
    if (answer === undefined) throw new Error(`no answer to ${request.type}`);
    return answer;
  }

  #subscriptionOf({ place }: ReceivedMessage): string {
    return this.#placeNames.get(place) ?? '';
  }

  #note(messages: readonly ReceivedMessage[]): void {
    for (const message of messages) this.#last.set(this.dataOf(message), message);
  }

  #hear(): void {
    for (const { to, wire } of this.bench.takeSent()) {
      const answer = wire as Answer | StreamingPullResponse | PushRequest;
      if (answer.type === 'PushRequest') {
        this.pushes.push(answer);
        this.#note([answer.message]);
      } else if (answer.type === 'StreamingPullResponse') {
        this.#note(answer.messages);
        for (const message of answer.messages) this.streamed.push(`c${to - 7} ${this.dataOf(message)}`);
      } else this.#answers.set(answer.token, answer);
    }
  }
}
