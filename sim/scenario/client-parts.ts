/**
 * What producers, consumers and stores have beyond the plain path, from the file's words to the scenario's data, and what of it makes no sense together:
 * outputs, outboxes, retries, breakers, buffers.
 */
import { numberOf, textOf } from '../../core/options.ts';
import type { CONSUMER_FIELDS, PRODUCER_FIELDS, PRODUCES_FIELDS, RETRY_FIELDS } from './grammar.ts';
import type { ScenarioEntry } from './root.ts';
import type { Entry, Values } from './shapes.ts';
import type { Source, Spot } from './source.ts';
import type { ConsumerSpec, OutboxSpec, ProducerSpec, ProducesSpec, RetrySpec, Scenario } from './types.ts';

/** How long a store's answer is waited for unless the file says otherwise. */
export const WRITE_TIMEOUT_US = 5_000_000;

export function retryOf(entry: Values<typeof RETRY_FIELDS> | undefined): RetrySpec | null {
  if (entry === undefined) return null;
  const { attempts, backoff, growth, max, jitter } = entry;
  return { attempts, firstUs: backoff, maxUs: Math.max(backoff, max), growth, jitter };
}

export function outboxOf({ every, batch }: { readonly every: number; readonly batch: number }): OutboxSpec {
  return { everyUs: every, batch };
}

/** An output without a broker of its own goes to its consumer's. */
export function producesOf(entry: Entry<typeof PRODUCES_FIELDS>, broker: string): ProducesSpec {
  return {
    broker: entry.broker ?? broker,
    to: entry.to ?? [],
    on: entry.on,
    publish: entry.publish,
    forEach: entry['for-each'] ?? null,
    key: entry.key ?? null,
    routingKey: entry.routing ?? null,
    amount: entry.amount ?? null,
    sizeBytes: entry.size ?? null,
    outbox: outboxOf(entry.outbox),
    options: entry.own.values,
  };
}

type Consuming = Pick<
  ConsumerSpec,
  'writeTimeoutUs' | 'retry' | 'breaker' | 'reorder' | 'shed' | 'liveness' | 'produces'
>;

export function consumerParts(entry: Entry<typeof CONSUMER_FIELDS>, broker: string): Consuming {
  const { breaker, reorder, shed, 'health-check': liveness } = entry;
  const direct = entry.own.kind?.kind === 'direct';
  return {
    writeTimeoutUs: entry['write-timeout'] ?? WRITE_TIMEOUT_US,
    retry: retryOf(entry.retry),
    breaker:
      breaker === undefined
        ? null
        : {
            failures: breaker.failures,
            openUs: breaker.open,
            probes: breaker.probes,
            wait: breaker.meanwhile === 'wait',
          },
    reorder: reorder === undefined ? null : { windowUs: reorder.window ?? 0, size: reorder.size },
    shed:
      shed === undefined
        ? null
        : {
            olderThanUs: shed['older-than'] ?? 0,
            waiting: shed.waiting ?? 0,
            how: direct ? 'reject' : (shed.by ?? 'ack'),
          },
    liveness: liveness === undefined ? null : { afterUs: liveness.after ?? 0, restartUs: liveness.restart },
    produces: (entry.produces ?? []).map((one) => producesOf(one, broker)),
  };
}

type Producing = Pick<ProducerSpec, 'sequenced' | 'effect' | 'publish' | 'outbox' | 'writeTimeoutUs' | 'retry'>;

export function producerParts(entry: Entry<typeof PRODUCER_FIELDS>): Producing {
  return {
    sequenced: entry.sequence,
    effect: entry.effect,
    publish: entry.publish ?? 'after-effect',
    outbox: outboxOf(entry.outbox),
    writeTimeoutUs: entry['write-timeout'] ?? WRITE_TIMEOUT_US,
    retry: retryOf(entry.retry),
  };
}

/** Settings that are each valid and say nothing together. */
export function checkClients(source: Source, file: ScenarioEntry, scenario: Scenario): void {
  const say = (spot: Spot, key: string, message: string, expected: string, hint = ''): void =>
    source.error(source.child(spot, key), message, expected, hint);
  const given = (spot: Spot, key: string): boolean => source.child(spot, key).keyNode !== null;

  for (const entry of file.producers.values()) {
    const { spot } = entry;
    if (entry.effect.type === 'none') {
      for (const key of ['publish', 'outbox', 'write-timeout', 'retry']) {
        if (given(spot, key))
          say(
            spot,
            key,
            `\`${key}\` says how the producer works with a store of its own, and it has none.`,
            'an `effect:` beside it',
          );
      }
    } else if (given(spot, 'outbox') && entry.publish !== 'outbox') {
      say(spot, 'outbox', '`outbox` is the relay of `publish: outbox`.', '`publish: outbox` beside it');
    }
    if (given(spot, 'when-full') && entry.buffer === 0) {
      say(
        spot,
        'when-full',
        '`when-full` says what a full `buffer` does, and it has no limit.',
        'a `buffer:` beside it',
      );
    }
    if (entry.sequence && entry.attributes.has('sequence')) {
      say(
        spot,
        'sequence',
        'the attribute `sequence` is declared, and `sequence: true` would write over it.',
        'one of the two',
      );
    }
  }

  const sequenced = [...file.producers.values()].some((entry) => entry.sequence);
  for (const [name, entry] of file.consumers) {
    const { spot } = entry;
    const spec = scenario.consumers[name];
    if (spec === undefined) continue;
    if (entry.effect.type === 'none') {
      for (const key of ['write-timeout', 'retry', 'breaker']) {
        if (given(spot, key))
          say(spot, key, `\`${key}\` is about the consumer’s store, and it writes to none.`, 'an `effect:` beside it');
      }
    }
    const prefetch = entry.prefetch ?? numberOf(entry.own.values, 'prefetch');
    if (given(spot, 'prefetch') && prefetch > 0 && prefetch < spec.concurrency) {
      source.warn(
        source.child(spot, 'prefetch'),
        `it works on ${spec.concurrency} at a time, and so it holds as many, not ${prefetch}.`,
        '',
        'Lower `concurrency` to hold fewer.',
      );
    }
    if (entry.reorder !== undefined) {
      const at = source.child(spot, 'reorder');
      if (!sequenced)
        source.error(
          at,
          'no producer numbers its messages.',
          '`sequence: true` at a producer',
          'Without numbers nobody can tell what is missing.',
        );
      if (spec.prefetch <= spec.concurrency) {
        source.error(
          at,
          'there is no room for messages that wait.',
          '`prefetch` above `concurrency`',
          'What is held back counts as held by the consumer.',
        );
      }
    }
    if (entry.shed !== undefined) {
      const { 'older-than': old, waiting, by } = entry.shed;
      if (old === undefined && waiting === undefined) {
        say(spot, 'shed', 'this does not say when a message is passed over.', '`older-than`, `waiting`, or both');
      }
      if (by === 'ack' && entry.own.kind?.kind === 'direct') {
        say(entry.shed.spot, 'by', 'a caller whose call is passed over cannot be told that it was done.', '`reject`');
      }
    }
    const outputs = entry.produces ?? [];
    outputs.forEach((one, i) => {
      const made = spec.produces[i];
      if (made !== undefined) checkOutput(one.spot, made, spec, say, given);
    });
    const forwards = textOf(spec.options, 'forward.to');
    if (outputs.length > 0 && forwards !== '') {
      say(
        spot,
        'produces',
        '`forward.to` produces already, in the transaction that commits the offsets or acks.',
        'one of the two',
      );
    }
  }
}

function checkOutput(
  spot: Spot,
  made: ProducesSpec,
  consumer: ConsumerSpec,
  say: (spot: Spot, key: string, message: string, expected: string, hint?: string) => void,
  given: (spot: Spot, key: string) => boolean,
): void {
  if (made.publish === 'after-settling' && consumer.settle !== 'after-processing') {
    say(
      spot,
      'publish',
      `with \`settle: ${consumer.settle}\` everything comes after settling.`,
      '`publish: after-effect`, or nothing',
    );
  }
  if (made.publish === 'outbox') {
    if (consumer.effect.type === 'none') {
      say(
        spot,
        'publish',
        'an outbox is a table of the store that the effect goes to, and there is none.',
        'an `effect:` of the consumer',
      );
    }
    if (made.on === 'failed') {
      say(
        spot,
        'publish',
        'what failed wrote nothing, so there is no step that the outbox could be part of.',
        '`publish: after-effect`',
      );
    }
  } else if (given(spot, 'outbox')) {
    say(spot, 'outbox', '`outbox` is the relay of `publish: outbox`.', '`publish: outbox` beside it');
  }
  if (made.on === 'done' && made.broker === consumer.broker && made.to.some((name) => consumer.from.includes(name))) {
    say(spot, 'to', 'the consumer would feed itself for ever.', 'another queue or topic than it takes from');
  }
}
