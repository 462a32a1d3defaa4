/**
 * A scenario as data: parsed, validated, every default filled in, every duration in microseconds, every name resolved. `parse.ts` makes it from
 * YAML; everything behind it (world, folds, checks, page) reads only this. Names are those of the file.
 */
import type { Binding } from '../../core/brokers/kind.ts';
import type { SettleWhen } from '../../core/clients/ports.ts';
import type { SeekTarget } from '../../core/machine.ts';
import type { OptionValues } from '../../core/options.ts';
import type { Distribution } from '../../core/parts/distribution.ts';
import type { Micros } from '../../core/types.ts';

export interface Scenario {
  readonly title: string;
  readonly story: string;
  /** Broker kinds by the broker's name; the name is `broker` when the file has `broker:`. */
  readonly brokers: Readonly<Record<string, { readonly kind: string; readonly options: OptionValues }>>;
  /** Always text; `seed: 7` is "7". */
  readonly seed: string;
  /** The run ends here. */
  readonly durationUs: Micros;
  readonly queues: Readonly<Record<string, DeclaredSpec>>;
  readonly topics: Readonly<Record<string, DeclaredSpec>>;
  readonly exchanges: Readonly<Record<string, DeclaredSpec>>;
  readonly producers: Readonly<Record<string, ProducerSpec>>;
  readonly consumers: Readonly<Record<string, ConsumerSpec>>;
  readonly stores: Readonly<Record<string, StoreSpec>>;
  readonly network: NetworkSpec;
  readonly timeline: readonly TimelineEntry[];
  readonly claims: readonly ClaimSpec[];
  readonly expect: readonly Expectation[];
  /** Coverage that a run must have, else it is no pass: names of facts, such as `crashed` or `lock-expired`. */
  readonly exercised: readonly string[];
  readonly alerts: readonly AlertSpec[];
  readonly autoscale: readonly AutoscaleSpec[];
  readonly captions: readonly CaptionSpec[];
  readonly limits: Limits;
  readonly exercise: ExerciseSpec | null;
}

/** A queue, topic or exchange. `broker` is the name of the broker it lives on. */
export interface DeclaredSpec {
  readonly broker: string;
  readonly options: OptionValues;
  readonly bindings: readonly Binding[];
}

export interface ProducerSpec {
  readonly broker: string;
  readonly to: readonly string[];
  readonly count: number;
  /** Messages per second of each instance; 0 when only `send` lists messages. */
  readonly perSecond: number;
  readonly arrivals: 'even' | 'poisson';
  /** How many messages in all each instance makes; 0 is no limit. */
  readonly messages: number;
  readonly startUs: Micros;
  /** When it stops making messages; the scenario's duration when the file says nothing. */
  readonly stopUs: Micros;
  /** Explicit messages at explicit times, besides the rate. */
  readonly send: readonly ListedMessage[];
  /** Name of the attribute that is the key; null for no key. */
  readonly key: string | null;
  readonly attributes: Readonly<Record<string, AttributeSpec>>;
  /** Text with `{attribute}` in braces, such as `order.{kind}`. */
  readonly routingKey: string;
  readonly amount: number;
  readonly sizeBytes: number;
  readonly poisonProbability: number;
  /** How many messages may be unconfirmed or waiting at the producer; 0 is no limit. */
  readonly buffer: number;
  /** What happens to the next message then: it is dropped, or the source waits. */
  readonly whenFull: 'drop' | 'wait';
  /** Each message carries its number among those of its key as the attribute `sequence`. */
  readonly sequenced: boolean;
  /** What it writes to a store of its own for each message. */
  readonly effect: EffectSpec;
  /** Whether it publishes when it has written, writes when it has published, or leaves publishing to the relay of its outbox. */
  readonly publish: 'after-effect' | 'before-effect' | 'outbox';
  readonly outbox: OutboxSpec;
  readonly writeTimeoutUs: Micros;
  readonly retry: RetrySpec | null;
  readonly options: OptionValues;
}

/** How often the relay of an outbox looks, and how many rows it takes at a time. */
export interface OutboxSpec {
  readonly everyUs: Micros;
  readonly batch: number;
}

/** Attempts after the first, and the pauses before them. */
export interface RetrySpec {
  readonly attempts: number;
  readonly firstUs: Micros;
  readonly maxUs: Micros;
  readonly growth: 'fixed' | 'exponential';
  readonly jitter: 'none' | 'full' | 'equal';
}

export interface ListedMessage {
  readonly atUs: Micros;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly amount: number;
  readonly poison: boolean;
  /** Repeats of this line, one after the other at the same time. */
  readonly times: number;
}

/** How a producer draws one attribute: each value with its weight, or a value of its own for each message (`ride-1`, `ride-2`, …). */
export type AttributeSpec =
  | { readonly type: 'weighted'; readonly values: readonly string[]; readonly weights: readonly number[] }
  | { readonly type: 'unique'; readonly prefix: string };

export interface ConsumerSpec {
  readonly broker: string;
  readonly from: readonly string[];
  readonly group: string;
  readonly count: number;
  readonly process: Distribution;
  readonly settle: SettleWhen;
  /** Messages processed at a time. */
  readonly concurrency: number;
  /** Messages held at most, processed and waiting. At least `concurrency`. */
  readonly prefetch: number;
  readonly effect: EffectSpec;
  /** What is done with a delivery whose handler failed. */
  readonly onFailure: 'leave' | 'requeue' | 'reject' | 'skip';
  /** What an unfixed handler does with a poison message: it throws after the work, kills the process, or never returns. */
  readonly onPoison: 'fail' | 'crash' | 'hang';
  /** Chance that a delivery's handler throws although the message is healthy. */
  readonly failProbability: number;
  readonly crash: { readonly probability: number; readonly step: ConsumerStep; readonly restartUs: Micros } | null;
  /** Extends the lock every `everyUs` by `byUs` while it works; null for never. */
  readonly heartbeat: { readonly everyUs: Micros; readonly byUs: Micros } | null;
  /** Remembers settled message ids for so long and skips those seen before; null for none. `durable`: in the store, so it survives a crash. */
  readonly dedup: { readonly windowUs: Micros; readonly durable: boolean } | null;
  /** How long it waits for the store's answer. */
  readonly writeTimeoutUs: Micros;
  /** Repeats of a failed write within one delivery. */
  readonly retry: RetrySpec | null;
  readonly breaker: {
    readonly failures: number;
    readonly openUs: Micros;
    readonly probes: number;
    /** While it is open, work waits; else it fails at once. */
    readonly wait: boolean;
  } | null;
  readonly reorder: { readonly windowUs: Micros; readonly size: number } | null;
  /** 0 for no such limit. */
  readonly shed: { readonly olderThanUs: Micros; readonly waiting: number; readonly how: 'ack' | 'reject' } | null;
  readonly liveness: { readonly afterUs: Micros; readonly restartUs: Micros } | null;
  readonly produces: readonly ProducesSpec[];
  readonly options: OptionValues;
}

/** What a consumer makes of each message that it works on (or fails on). */
export interface ProducesSpec {
  readonly broker: string;
  readonly to: readonly string[];
  readonly on: 'done' | 'failed';
  readonly publish: 'after-effect' | 'after-settling' | 'outbox';
  /** One message for each value of the attribute. */
  readonly forEach: { readonly attribute: string; readonly values: readonly string[] } | null;
  /** null here and below: as its input has it. */
  readonly key: string | null;
  readonly routingKey: string | null;
  readonly amount: number | null;
  readonly sizeBytes: number | null;
  readonly outbox: OutboxSpec;
  /** The producer options of the broker that it goes to. */
  readonly options: OptionValues;
}

/** The sub-steps of consuming; a crash at a step comes directly after it. `published`: the outputs are confirmed. */
export type ConsumerStep = 'received' | 'begun' | 'applied' | 'published' | 'settled';

export interface EffectSpec {
  readonly type: 'increment' | 'set' | 'insert' | 'none';
  /** Name of the store; empty for `none`, which records the effect at the consumer itself. */
  readonly store: string;
}

export interface StoreSpec {
  /** How long one write takes. */
  readonly write: Distribution;
  /** Writes served at a time; 0 is no limit. */
  readonly concurrency: number;
  /** Writes beyond this many per second are refused ("too many requests"); null is no limit, 0 refuses all. */
  readonly perSecondMax: number | null;
  readonly failProbability: number;
  /** An increment that would take a row below this is refused; null for no such rule. */
  readonly floor: number | null;
  /** Writes with the same value of this attribute within `forUs` count once; null for no such keys. */
  readonly idempotency: { readonly key: string; readonly forUs: Micros } | null;
}

export interface NetworkSpec {
  readonly latency: Distribution;
  readonly loss: LossSpec;
  readonly duplicate: LossSpec;
  /** Chance that a hop is held back for `reorderDelayUs`, so that later ones overtake it. */
  readonly reorder: LossSpec;
  readonly reorderDelayUs: Micros;
  /** Bytes per second of one direction of one link; 0 is no limit. */
  readonly bytesPerSecond: number;
  /** Exceptions; the last one that matches a hop replaces the settings it names. */
  readonly links: readonly LinkSpec[];
}

/** Probabilities by kind of hop (names of HOPS). */
export type LossSpec = Readonly<Record<string, number>>;

export interface LinkSpec {
  /** Actor names or declared names (`resizer` means all its instances); null means any. */
  readonly from: string | null;
  readonly to: string | null;
  /** Also for hops in the other direction. */
  readonly bothWays: boolean;
  readonly latency?: Distribution;
  readonly loss?: LossSpec;
  readonly duplicate?: LossSpec;
  readonly reorder?: LossSpec;
  readonly bytesPerSecond?: number;
}

/** When a line of the timeline happens: at a time, or when the n-th fact of a kind happens. */
export type When =
  | { readonly type: 'at'; readonly atUs: Micros }
  | {
      readonly type: 'fact';
      /** Name of a fact, such as `applied`. */
      readonly fact: string;
      /** Narrows it to an actor (name or declared name) that is the fact's actor or peer; null for any. */
      readonly actor: string | null;
      /** Narrows it to a message number; 0 for any. */
      readonly message: number;
      /** The n-th that matches, from 1. */
      readonly nth: number;
    };

export interface TimelineEntry {
  readonly when: When;
  readonly action: TimelineAction;
  /** The line as a person may read it, for the timeline drawn on the page: `resizer-2 crashes`. */
  readonly label: string;
}

/** `actors` are names as in the file: an actor (`resizer-2`, `b1`) or a declared name (all its instances). Absent `forUs`: from then on. */
export type TimelineAction =
  | {
      readonly type: 'crash';
      readonly actors: readonly string[];
      readonly restartUs: Micros | null;
      readonly losesDisk: boolean;
    }
  | { readonly type: 'restart'; readonly actors: readonly string[] }
  | { readonly type: 'pause'; readonly actors: readonly string[]; readonly forUs: Micros }
  | {
      readonly type: 'slow';
      readonly actors: readonly string[];
      readonly factor: number;
      readonly forUs: Micros | null;
    }
  | {
      readonly type: 'skew';
      readonly actors: readonly string[];
      /** Their clocks run so many times as fast as time; in whole hundredths. */
      readonly factor: number;
      readonly forUs: Micros | null;
    }
  /** Broker nodes whose disks are full, or have room again. */
  | { readonly type: 'fill'; readonly actors: readonly string[]; readonly forUs: Micros | null }
  | { readonly type: 'free'; readonly actors: readonly string[] }
  | { readonly type: 'stop'; readonly actors: readonly string[]; readonly forUs: Micros | null }
  | {
      readonly type: 'split';
      /** A single side is cut off from everybody else. */
      readonly sides: readonly (readonly string[])[];
      readonly oneWay: boolean;
      readonly healUs: Micros | null;
    }
  | { readonly type: 'heal' }
  | {
      /** Interferes with hops: the next `times` that match (0: all, while it lasts), or each with `probability`. */
      readonly type: 'interfere';
      readonly how: 'lose' | 'duplicate' | 'delay';
      /** Kinds of hops; empty means all. */
      readonly hops: readonly string[];
      readonly from: string | null;
      readonly to: string | null;
      /** Also what goes from `to` to `from`. */
      readonly bothWays: boolean;
      readonly message: number;
      readonly times: number;
      readonly probability: number;
      readonly byUs: Micros;
      readonly forUs: Micros | null;
    }
  /** Without a key the producer draws one, as for each message of its rate. */
  | { readonly type: 'send'; readonly producer: string; readonly messages: number; readonly key: string | null }
  | { readonly type: 'poison'; readonly producer: string; readonly messages: number }
  | { readonly type: 'fix'; readonly consumer: string }
  | { readonly type: 'burst'; readonly producer: string; readonly perSecond: number; readonly forUs: Micros }
  | { readonly type: 'redrive'; readonly queue: string; readonly to: string | null; readonly perSecond: number }
  | { readonly type: 'purge'; readonly queue: string }
  | { readonly type: 'seek'; readonly group: string; readonly to: SeekTarget | { readonly snapshot: string } }
  | { readonly type: 'snapshot'; readonly group: string; readonly name: string }
  | { readonly type: 'scale'; readonly consumer: string; readonly count: number }
  | { readonly type: 'set'; readonly path: readonly string[]; readonly value: unknown };

/** A name of guarantees.md, with what it is limited to: an attribute for key-order, a queue, group or store for others; '' for everything. */
export interface ClaimSpec {
  readonly claim: string;
  readonly scope: string;
  /** What the scenario says should come out. `holds` when the file gives only the name; `violated` where the point is that it breaks. */
  readonly verdict: 'holds' | 'violated' | 'allowed' | 'not exercised';
}

/** One line of `expect:` or a goal: its text, for `expect.ts` to evaluate. Syntax was checked by the parser. */
export interface Expectation {
  readonly text: string;
}

export interface AlertSpec {
  readonly name: string;
  /** A condition over metrics, such as `lag(billing) > 1000`. */
  readonly when: string;
  /** It must hold so long before the alert is raised. */
  readonly forUs: Micros;
}

export interface AutoscaleSpec {
  readonly consumer: string;
  /** A metric expression, such as `depth(jobs)`. */
  readonly metric: string;
  /** Wanted instances = metric ÷ target, rounded up. */
  readonly target: number;
  readonly min: number;
  readonly max: number;
  readonly everyUs: Micros;
  readonly cooldownUs: Micros;
}

export interface CaptionSpec {
  readonly when: When;
  readonly text: string;
  readonly question: string;
}

export interface Limits {
  readonly messages: number;
  readonly facts: number;
}

export interface ExerciseSpec {
  readonly kind: 'build';
  readonly question: string;
  /** What to guess before running. */
  readonly predict: string;
  readonly knobs: readonly Knob[];
  readonly goals: readonly Goal[];
  readonly hints: readonly string[];
  readonly solution: Readonly<Record<string, unknown>>;
  readonly wrong: readonly { readonly set: Readonly<Record<string, unknown>>; readonly because: string }[];
  readonly debrief: string;
  /** Graded beside the seed that is shown; 20 by default. */
  readonly hiddenSeeds: number;
}

export interface Knob {
  /** Path in the file, such as `queues.photo-jobs.VisibilityTimeout`. */
  readonly path: string;
  readonly label: string;
  readonly values: readonly unknown[];
}

export interface Goal {
  readonly text: string;
  /** An expression of `expect.ts`, or `claim NAME [SCOPE]` which wants the verdict `holds`. */
  readonly expect: string;
}
