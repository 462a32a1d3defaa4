/**
 * The Google Pub/Sub service as one machine: it publishes messages to the subscriptions of their topic, hands them out on streams, in answers to pulls and as pushes, each
 * until an ack deadline, takes acks and nacks, and redelivers. What a subscription keeps is in `PubsubBacklog`, what a topic keeps in `PubsubTopic`. This file is
 * the machine: its inputs, and which part of the service carries out a call. The parts are `google-pubsub-publishing.ts`, `-handing.ts`, `-taking.ts`, `-pushing.ts`,
 * `-settling.ts`, `-returning.ts`, `-keeping.ts` and `-seeking.ts`, which share `-host.ts`. What it has confirmed it never loses. The rules are cited there.
 */
import type { Command, Machine, Out, Setup, Wire } from '../machine.ts';
import { numberOf, type OptionValues, textOf } from '../options.ts';
import type { ActorId } from '../types.ts';
import { Handing } from './google-pubsub-handing.ts';
import { PubsubHost, type PushEndpoints, type SubscriptionTimer, timerOf } from './google-pubsub-host.ts';
import { Keeping } from './google-pubsub-keeping.ts';
import { Publishing } from './google-pubsub-publishing.ts';
import { Pushing } from './google-pubsub-pushing.ts';
import { Returning } from './google-pubsub-returning.ts';
import { Seeking } from './google-pubsub-seeking.ts';
import { Settling } from './google-pubsub-settling.ts';
import { PubsubSubscription } from './google-pubsub-subscription.ts';
import { cut, Taking } from './google-pubsub-taking.ts';
import { PubsubTopic } from './google-pubsub-topic.ts';
import type { PubsubRequest } from './google-pubsub-verbs.ts';

interface DeclaredThing {
  readonly name: string;
  readonly options: OptionValues;
}

export class PubsubNode implements Machine {
  readonly #host = new PubsubHost();
  readonly #handing = new Handing(this.#host);
  readonly #publishing = new Publishing(this.#host, this.#handing);
  readonly #returning = new Returning(this.#host, this.#handing, this.#publishing);
  readonly #settling = new Settling(this.#host, this.#handing, this.#publishing, this.#returning);
  readonly #pushing = new Pushing(this.#host, this.#handing, this.#returning, this.#settling);
  readonly #taking = new Taking(this.#host, this.#handing);
  readonly #keeping = new Keeping(this.#host, this.#handing);
  readonly #seeking = new Seeking(this.#host, this.#handing, this.#publishing);
  /** Subscriptions that a declared group of consumers takes from. */
  readonly #groups = new Map<string, Set<string>>();

  constructor(topics: readonly DeclaredThing[], subscriptions: readonly DeclaredThing[], setup: Setup) {
    for (const { name, options } of topics) {
      const retentionUs = numberOf(options, 'message_retention_duration');
      this.#host.topics.set(name, new PubsubTopic(name, setup.place(name, 'exchange'), retentionUs));
    }
    for (const { name, options } of subscriptions) {
      const topic = this.#host.topics.get(textOf(options, 'topic'));
      this.#host.subscriptions.set(name, new PubsubSubscription(name, options, topic?.retentionUs ?? 0, setup));
    }
  }

  get endpoints(): PushEndpoints {
    return this.#host.endpoints;
  }

  /** Consumers of this group take from these subscriptions: what the timeline seeks by the group's name. */
  reads(group: string, subscriptions: readonly string[]): void {
    const known = this.#groups.get(group) ?? new Set();
    for (const name of subscriptions) known.add(name);
    this.#groups.set(group, known);
  }

  start(out: Out): void {
    for (const subscription of this.#host.subscriptions.values()) {
      if (subscription.createdAtUs === 0) this.#keeping.create(subscription, out);
      else out.timer(subscription.createdAtUs, timerOf('create', subscription));
    }
  }

  receive(from: ActorId, wire: Wire, out: Out): void {
    const request = wire as PubsubRequest;
    switch (request.type) {
      case 'Publish':
        return this.#publishing.publish(from, request, out);
      case 'Acknowledge':
        return this.#settling.acknowledge(from, request, out);
      case 'ModifyAckDeadline':
        return this.#settling.modify(from, request, out);
      case 'StreamingPull':
        return this.#taking.open(from, request, out);
      case 'StreamKeepAlive':
        return this.#taking.keepAlive(from, request, out);
      case 'StreamClose':
        return this.#taking.close(from, request);
      case 'Pull':
        return this.#taking.pull(from, request, out);
      case 'PushResponse':
        return this.#pushing.answered(request, out);
      case 'CreateSnapshot':
        return this.#seeking.createSnapshot(from, request, out);
      case 'Seek':
        return this.#seeking.seekCall(from, request, out);
      case 'DeleteSubscription':
        return this.#keeping.deleteCall(from, request, out);
      case 'UpdateSubscription':
        return this.#keeping.updateCall(from, request, out);
      default:
        return request satisfies never;
    }
  }

  timer(wire: Wire, out: Out): void {
    const { type, subscription } = wire as SubscriptionTimer;
    switch (type) {
      case 'create':
        return this.#keeping.create(subscription, out);
      case 'due':
        return this.#returning.due(subscription, out);
      case 'retention':
        return this.#keeping.retain(subscription, out);
      case 'pulls-over':
        return this.#taking.endPulls(subscription, out);
      case 'push':
        return this.#handing.dispatch(subscription, out);
      case 'expire':
        if (out.now >= subscription.expiresAtUs) this.#keeping.expire(subscription, out);
        return;
      default:
        return type satisfies never;
    }
  }

  /** The service is down for a while: it keeps messages and deadlines, but streams, waiting pulls and pushes are cut. */
  crash(): void {
    for (const subscription of this.#host.subscriptions.values()) {
      for (const stream of [...subscription.streams.all()]) subscription.streams.remove(stream);
      subscription.pulls.clear();
      subscription.push?.forget();
      subscription.dueAtUs = Number.POSITIVE_INFINITY;
      subscription.retentionAtUs = Number.POSITIVE_INFINITY;
      subscription.pullsAtUs = Number.POSITIVE_INFINITY;
    }
  }

  restart(out: Out): void {
    for (const subscription of this.#host.subscriptions.values()) {
      if (!subscription.exists) {
        if (subscription.createdAtUs > out.now)
          out.timer(subscription.createdAtUs - out.now, timerOf('create', subscription));
        else if (!subscription.wasMade) this.#keeping.create(subscription, out);
        continue;
      }
      this.#returning.due(subscription, out);
      this.#keeping.retain(subscription, out);
      this.#keeping.expire(subscription, out);
    }
  }

  /** A connection is gone: its streams and pulls are over, and what was pushed on it was not taken. Deadlines go on (G3). */
  peerLost(peer: ActorId, out: Out): void {
    for (const subscription of this.#host.subscriptions.values()) {
      cut(subscription, peer);
      if (subscription.push === null) continue;
      for (const [token, { actor }] of [...subscription.push.calls])
        if (actor === peer) this.#pushing.failed(subscription, token, out);
    }
  }

  command(command: Command, out: Out): void {
    if (command.type === 'seek') {
      const { to, group } = command;
      const timeUs = 'timeUs' in to ? to.timeUs : 'end' in to && to.end === 'latest' ? out.now + 1 : 0;
      if ('offset' in to) return;
      for (const name of this.#groups.get(group) ?? []) {
        const subscription = this.#host.subscriptions.get(name);
        if (subscription?.exists === true) this.#seeking.seek(subscription, timeUs, null, out);
      }
    } else if (command.type === 'snapshot' || command.type === 'restore') {
      for (const name of this.#groups.get(command.group) ?? []) {
        const subscription = this.#host.subscriptions.get(name);
        if (subscription?.exists !== true) continue;
        // A group may take from several subscriptions; each has a snapshot of its own.
        const snapshot = `${command.name} of ${name}`;
        if (command.type === 'snapshot') this.#seeking.keep(subscription, snapshot, out);
        else this.#seeking.goBack(subscription, snapshot, out);
      }
    } else if (command.type === 'set' && command.path[0] === 'queues') {
      const subscription = this.#host.subscriptions.get(command.path[1] ?? '');
      subscription?.change(command.path.slice(2), command.value);
      if (subscription?.exists === true) this.#keeping.changed(subscription, out);
    }
  }
}
