/**
 * From what a file says to the scenario that it means: names are looked up, defaults that depend on other parts are filled in, and what is
 * wrong only in combination is said. Every complaint goes to the place in the file that causes it.
 */
import type { Binding, BrokerKind, Declared } from '../../core/brokers/kind.ts';
import { HOPS } from '../../core/machine.ts';
import { numberOf, type OptionValues, tableOf, textOf } from '../../core/options.ts';
import type { Distribution } from '../../core/parts/distribution.ts';
import type { Micros } from '../../core/types.ts';
import { emptyTable } from './by-name.ts';
import { whyFixed } from './changeable.ts';
import { checkClients, consumerParts, producerParts } from './client-parts.ts';
import { checkExpression, type Purpose } from './expect-check.ts';
import { namesOf as expressionNames, scopeMistake } from './expect-names.ts';
import { isMistake, parseExpression } from './expect-syntax.ts';
import {
  type CONSUMER_FIELDS,
  LIMITS_FIELDS,
  type LINK_FIELDS,
  type LISTED_FIELDS,
  NETWORK_FIELDS,
  numbered,
  type PRODUCER_FIELDS,
  type QUEUE_FIELDS,
  STORE_FIELDS,
  type TOPIC_FIELDS,
} from './grammar.ts';
import { nearest } from './nearest.ts';
import { defaultsOf } from './options.ts';
import { follow, quietly } from './paths.ts';
import { elsewhere } from './places.ts';
import type { ScenarioEntry } from './root.ts';
import { blank, didYouMean, type Entry, type Values } from './shapes.ts';
import { shown } from './shown.ts';
import type { Reference, Source, Spot } from './source.ts';
import { type Line, readWhen } from './timeline.ts';
import type {
  AlertSpec,
  AttributeSpec,
  AutoscaleSpec,
  CaptionSpec,
  ConsumerSpec,
  DeclaredSpec,
  ExerciseSpec,
  Goal,
  Knob,
  LinkSpec,
  ListedMessage,
  LossSpec,
  NetworkSpec,
  ProducerSpec,
  Scenario,
  StoreSpec,
  TimelineAction,
  TimelineEntry,
  When,
} from './types.ts';
import { isInstant, VAIN_SLOWNESS, whyCopiesAreVain } from './vain.ts';

const MOST_ACTORS = 2_000;
const MOST_PARTITIONS = 1_000;
/** A trace tells so many places apart: partitions, and what their groups have of each, beside all else that has one. */
const MOST_PLACES = 60_000;

/** The scenario; it may be used only when nothing was reported as an error. */
export function resolve(source: Source, file: ScenarioEntry): Scenario {
  const brokers = readBrokers(source, file);
  const declared = (entry: Entry<typeof TOPIC_FIELDS>): DeclaredSpec => ({
    broker: brokerName(entry.broker, brokers),
    options: entry.own.values,
    bindings: [],
  });
  const bound = (entry: Entry<typeof QUEUE_FIELDS>): DeclaredSpec => ({
    ...declared(entry),
    bindings: entry.bindings.length > 0 ? entry.bindings.map(binding) : subscribed(entry.own.values),
  });
  const durationUs = file.duration ?? 0;
  const names = onlyOnes(file);
  const changes: Change[] = [];
  const scenario: Scenario = {
    title: file.title ?? '',
    story: file.story.trim(),
    brokers,
    seed: file.seed,
    durationUs,
    queues: byName(file.queues, bound),
    topics: byName(file.topics, declared),
    exchanges: byName(file.exchanges, bound),
    producers: byName(file.producers, (entry, name) =>
      producer(entry, brokerName(entry.broker, brokers), isSkewed(file, name) ? Number.MAX_SAFE_INTEGER : durationUs),
    ),
    consumers: byName(file.consumers, (entry, name) => consumer(entry, name, brokerName(entry.broker, brokers))),
    stores: stores(file),
    network: network(file, names),
    timeline: file.timeline.flatMap((line) => timelineEntries(source, file, line, brokers, names, changes)),
    claims: file.claims,
    expect: file.expect.map((text) => ({ text })),
    exercised: file.exercised,
    alerts: [...file.alerts].map(([name, entry]): AlertSpec => ({ name, when: entry.when ?? '', forUs: entry.for })),
    autoscale: [...file.autoscale].map(
      ([name, entry]): AutoscaleSpec => ({
        consumer: name,
        metric: entry.on ?? '',
        target: entry.target ?? 1,
        min: entry.min,
        max: entry.max ?? 1,
        everyUs: entry.every,
        cooldownUs: entry.cooldown,
      }),
    ),
    captions: file.captions.map(
      (entry): CaptionSpec => ({
        when: renameWhen(readWhen(entry), names),
        text: entry.text ?? '',
        question: entry.question,
      }),
    ),
    limits: { messages: file.limits.messages ?? 0, facts: file.limits.facts ?? 0 },
    exercise: exercise(file),
  };
  checkSections(source, file, scenario);
  checkCommands(source, file, scenario);
  checkDeclarations(source, file, scenario);
  checkChanges(source, scenario, changes);
  checkNames(source, file, scenario);
  checkReferences(source, file, scenario);
  checkEnds(source, file, scenario);
  checkDeadLetters(source, file, scenario);
  checkAmounts(source, file, scenario);
  checkClients(source, file, scenario);
  checkVain(source, file, scenario);
  checkExpressions(source, file, scenario);
  return scenario;
}

// Reading

function byName<A, B>(entries: ReadonlyMap<string, A>, convert: (entry: A, name: string) => B): Record<string, B> {
  const found = emptyTable<B>();
  for (const [name, entry] of entries) found[name] = convert(entry, name);
  return found;
}

function readBrokers(source: Source, file: ScenarioEntry): Scenario['brokers'] {
  const root = source.root;
  const found = emptyTable<{ kind: string; options: OptionValues }>();
  const add = (name: string, entry: NonNullable<ScenarioEntry['broker']>): void => {
    if (typeof entry === 'string') {
      const kind = source.kinds[entry];
      found[name] = { kind: entry, options: kind === undefined ? {} : defaultsOf(kind.options) };
    } else found[name] = { kind: entry.kind ?? '', options: entry.own.values };
  };
  const only = source.child(root, 'broker');
  const several = source.child(root, 'brokers');
  if (only.keyNode !== null && several.keyNode !== null) {
    source.error(
      several,
      '`broker` and `brokers` are both given.',
      'one of them',
      'Move the broker into `brokers:` under a name of its own.',
    );
  }
  if (only.keyNode === null && several.keyNode === null) {
    source.error(
      root,
      '`broker:` is missing.',
      `\`broker: KIND\`, with one of ${Object.keys(source.kinds).join(', ')}`,
    );
  }
  if (file.broker !== undefined) add('broker', file.broker);
  for (const [name, entry] of file.brokers ?? []) add(name, entry);
  if (several.keyNode !== null && source.isMap(several) && file.brokers?.size === 0 && !source.failed) {
    source.error(several, 'no broker is named.', 'a map of brokers');
  }
  return found;
}

/** The named broker, or the only one; with several and none named, the first, which `checkReferences` has complained about. */
function brokerName(named: string | undefined, brokers: Scenario['brokers']): string {
  return named ?? Object.keys(brokers)[0] ?? '';
}

function binding(entry: {
  readonly exchange: string | undefined;
  readonly key: string;
  readonly arguments: ReadonlyMap<string, string | number | boolean>;
}): Binding {
  return { exchange: entry.exchange ?? '', key: entry.key, arguments: Object.fromEntries(entry.arguments) };
}

/** A subscription is bound to the topic that it names; that it has a filter is all that there is room to say. */
function subscribed(options: OptionValues): Binding[] {
  const topic = textOf(options, 'topic');
  return topic === ''
    ? []
    : [{ exchange: topic, key: textOf(options, 'filter') === '' ? '' : 'filter', arguments: {} }];
}

/** `endUs`: when it stops unless it says so. */
function producer(entry: Entry<typeof PRODUCER_FIELDS>, broker: string, endUs: number): ProducerSpec {
  const key = entry.key ?? null;
  const attributes: Record<string, AttributeSpec> = Object.fromEntries(entry.attributes);
  const listedAll =
    entry.rate === undefined &&
    entry.send.length > 0 &&
    entry.send.every((one) => key !== null && Object.hasOwn(one.attributes, key));
  if (key !== null && !Object.hasOwn(attributes, key) && !listedAll) attributes[key] = numbered(key, 6);
  const send = entry.send.map(
    ({
      line,
      attributes: own,
    }: {
      line: Entry<typeof LISTED_FIELDS>;
      attributes: ListedMessage['attributes'];
    }): ListedMessage => ({
      atUs: line.at ?? 0,
      attributes: own,
      amount: line.amount ?? entry.amount,
      poison: line.poison,
      times: line.times,
    }),
  );
  return {
    broker,
    to: entry.to ?? [],
    count: entry.count,
    perSecond: entry.rate?.perSecond ?? 0,
    arrivals: entry.rate?.arrivals ?? 'even',
    messages: entry.messages,
    startUs: entry.start,
    stopUs: entry.stop ?? endUs,
    send,
    key,
    attributes,
    routingKey: entry.routing,
    amount: entry.amount,
    sizeBytes: entry.size,
    poisonProbability: entry.poison,
    buffer: entry.buffer,
    whenFull: entry['when-full'],
    ...producerParts(entry),
    options: entry.own.values,
  };
}

/** RabbitMQ's `prefetch: 0` and the like: as many as there are. */
const NO_PREFETCH_LIMIT = 1_000_000;

function consumer(entry: Entry<typeof CONSUMER_FIELDS>, name: string, broker: string): ConsumerSpec {
  const { kind, values } = entry.own;
  const brokers =
    kind !== null && Object.hasOwn(kind.consumers, 'prefetch') ? numberOf(values, 'prefetch', entry.concurrency) : null;
  // What waits for its turn is held as well, so there is room for it unless the file says otherwise.
  const held = entry.concurrency + (entry.reorder?.size ?? 0);
  const wanted = brokers === 0 ? NO_PREFETCH_LIMIT : (brokers ?? entry.prefetch ?? held);
  const crash = entry.crash;
  const heartbeat = entry.heartbeat;
  return {
    broker,
    from: entry.from ?? [],
    group: entry.group ?? name,
    count: entry.count,
    process: entry.process,
    settle: kind?.settles ?? entry.settle,
    concurrency: entry.concurrency,
    prefetch: Math.max(wanted, entry.concurrency),
    effect: entry.effect,
    onFailure: entry['on-failure'] ?? kind?.defaultOnFailure ?? 'leave',
    onPoison: entry['on-poison'],
    failProbability: entry.fail,
    crash:
      crash === undefined ? null : { probability: crash.probability ?? 0, step: crash.step, restartUs: crash.restart },
    heartbeat: heartbeat === undefined ? null : { everyUs: heartbeat.every ?? 0, byUs: heartbeat.by ?? 0 },
    dedup: entry.dedup ?? null,
    ...consumerParts(entry, broker),
    options: values,
  };
}

function store(entry: Values<typeof STORE_FIELDS>): StoreSpec {
  return {
    write: entry.write,
    concurrency: entry.concurrency,
    perSecondMax: entry.capacity ?? null,
    failProbability: entry.fail,
    floor: entry.floor ?? null,
    idempotency:
      entry.idempotency === undefined ? null : { key: entry.idempotency.key ?? '', forUs: entry.idempotency.for },
  };
}

/** The declared ones, then those that effects name, with defaults. */
function stores(file: ScenarioEntry): Record<string, StoreSpec> {
  const found = byName(file.stores, store);
  for (const { effect } of [...file.consumers.values(), ...file.producers.values()]) {
    if (effect.type !== 'none' && !Object.hasOwn(found, effect.store)) found[effect.store] = store(blank(STORE_FIELDS));
  }
  return found;
}

const NEVER: LossSpec = Object.fromEntries(HOPS.map((hop) => [hop, 0]));
const AT_ONCE: Distribution = { type: 'constant', us: 0 };

function network(file: ScenarioEntry, names: ReadonlyMap<string, string>): NetworkSpec {
  const entry = file.network === 'ideal' ? blank(NETWORK_FIELDS) : file.network;
  return {
    latency: file.network === 'ideal' ? AT_ONCE : entry.latency,
    loss: { ...NEVER, ...entry.loss },
    duplicate: { ...NEVER, ...entry.duplicate },
    reorder: { ...NEVER, ...entry.reorder },
    reorderDelayUs: entry['reorder-delay'],
    bytesPerSecond: entry.bandwidth ?? 0,
    links: entry.links.map((one) => link(one, names)),
  };
}

function link(entry: Values<typeof LINK_FIELDS>, names: ReadonlyMap<string, string>): LinkSpec {
  const end = (name: string | undefined): string | null => (name === undefined ? null : (names.get(name) ?? name));
  return {
    from: end(entry.from),
    to: end(entry.to),
    bothWays: entry.both,
    ...(entry.latency === undefined ? {} : { latency: entry.latency }),
    ...(entry.loss === undefined ? {} : { loss: entry.loss }),
    ...(entry.duplicate === undefined ? {} : { duplicate: entry.duplicate }),
    ...(entry.reorder === undefined ? {} : { reorder: entry.reorder }),
    ...(entry.bandwidth === undefined ? {} : { bytesPerSecond: entry.bandwidth }),
  };
}

/** What a line of the timeline sets; at which time, where that is known beforehand. */
interface Change {
  readonly path: readonly string[];
  readonly value: unknown;
  readonly atUs: Micros | null;
  readonly spot: Spot;
}

/** A `set:` line becomes one entry for each of its settings, with the value as the program has it (µs, bytes, distributions). */
function timelineEntries(
  source: Source,
  file: ScenarioEntry,
  line: Line,
  brokers: Scenario['brokers'],
  names: ReadonlyMap<string, string>,
  changes: Change[],
): TimelineEntry[] {
  const { label } = line;
  const when = renameWhen(line.when, names);
  if (line.action !== null) return [{ when, action: renameAction(line.action, names), label }];
  const entries: TimelineEntry[] = [];
  for (const { path, spot } of line.sets) {
    const found = follow(source, path);
    if ('message' in found) {
      source.error({ ...spot, node: spot.keyNode }, found.message, 'the path of a setting in this file', found.hint);
      continue;
    }
    const [section, name = ''] = found.path;
    const home =
      section === 'queues' ? file.queues.get(name) : section === 'topics' ? file.topics.get(name) : undefined;
    const fixed = whyFixed(found.path, kindIn(source, brokers, brokerName(home?.broker, brokers)));
    if (fixed !== null) {
      source.error({ ...spot, node: spot.keyNode }, fixed.message, fixed.expected, fixed.hint);
      continue;
    }
    const value = found.shape.read(spot);
    if (value === undefined) continue;
    entries.push({ when, action: { type: 'set', path: found.path, value }, label });
    changes.push({ path: found.path, value, atUs: when.type === 'at' ? when.atUs : null, spot });
  }
  return entries;
}

function exercise(file: ScenarioEntry): ExerciseSpec | null {
  const entry = file.exercise;
  if (entry === undefined) return null;
  const plain = (settings: ReadonlyMap<string, { readonly value: unknown }> | undefined): Record<string, unknown> =>
    byName(settings ?? new Map<string, { readonly value: unknown }>(), (setting) => setting.value);
  return {
    kind: 'build',
    question: entry.question ?? '',
    predict: entry.predict,
    knobs: (entry.knobs ?? []).map(
      (knob): Knob => ({ path: knob.path ?? '', label: knob.label ?? knob.path ?? '', values: knob.values ?? [] }),
    ),
    goals: (entry.goals ?? []).map((goal): Goal => ({ text: goal.text ?? '', expect: goal.expect ?? '' })),
    hints: entry.hints,
    solution: plain(entry.solution),
    wrong: entry.wrong.map((one) => ({ set: plain(one.set), because: one.because ?? '' })),
    debrief: entry.debrief ?? '',
    hiddenSeeds: entry['hidden-seeds'],
  };
}

// Checks of what belongs together

const SECTIONS = ['queues', 'topics', 'exchanges'] as const;

/** Queues on a broker without queues, and so on; records without a broker when there are several. */
function checkSections(source: Source, file: ScenarioEntry, scenario: Scenario): void {
  for (const section of SECTIONS) {
    for (const [name, spec] of Object.entries(scenario[section])) {
      const kind = kindOf(source, scenario, spec.broker);
      const unnamed = file[section].get(name)?.broker === undefined && Object.keys(scenario.brokers).length > 1;
      if (unnamed || kind === null || kind[section] !== undefined) continue;
      const has = SECTIONS.filter((other) => kind[other] !== undefined);
      const lacks = Object.hasOwn(kind.lacks, section) ? (kind.lacks[section] ?? '') : '';
      const instead = has.length === 0 ? 'It needs no declarations.' : `It has ${has.join(' and ')}.`;
      const spot = file[section].get(name)?.spot ?? source.root;
      source.error({ ...spot, node: spot.keyNode }, `${kind.title} has no ${section}.`, '', lacks || instead);
    }
    for (const { options, broker } of Object.values(scenario[section])) {
      if (section !== 'topics' || broker === '') continue;
      const partitions = numberOf(options, 'partitions', 1);
      if (partitions <= MOST_PARTITIONS) continue;
      const spot = [...file.topics.values()].find((entry) => entry.own.values === options)?.spot ?? source.root;
      source.error(
        source.child(spot, 'partitions'),
        `${partitions} partitions are too many.`,
        `at most ${MOST_PARTITIONS}`,
      );
    }
  }
  checkPlaces(source, scenario);
  if (Object.keys(scenario.brokers).length < 2) return;
  for (const section of [...SECTIONS, 'producers', 'consumers'] as const) {
    for (const entry of file[section].values()) {
      if (entry.broker !== undefined) continue;
      const names = Object.keys(scenario.brokers);
      source.error(
        { ...entry.spot, node: entry.spot.keyNode },
        'this does not say on which broker it is.',
        `\`broker:\` with one of ${names.join(', ')}`,
      );
    }
  }
}

/** Topics that are each of a fair size may be too many together. */
function checkPlaces(source: Source, { topics, consumers, timeline }: Scenario): void {
  let partitions = 0;
  let places = 0;
  for (const [name, { options }] of Object.entries(topics)) {
    const groups = new Set(Object.values(consumers).flatMap(({ from, group }) => (from.includes(name) ? [group] : [])));
    const own = Math.max(numberOf(options, 'partitions', 1), ...addedTo(timeline, name));
    partitions += own;
    places += own * (1 + groups.size);
  }
  if (places <= MOST_PLACES) return;
  source.error(
    source.child(source.root, 'topics'),
    `the topics have ${partitions} partitions together.`,
    `at most ${MOST_PLACES}, where each counts once more for every group that reads it`,
  );
}

/** How many partitions lines of the timeline give to a topic. */
function addedTo(timeline: Scenario['timeline'], topic: string): readonly number[] {
  return timeline.flatMap(({ action }) => {
    if (action.type !== 'set' || typeof action.value !== 'number') return [];
    const [section, name, option] = action.path;
    return section === 'topics' && name === topic && option === 'partitions' ? [action.value] : [];
  });
}

/** Combinations of settings that the broker or its client refuses. */
function checkDeclarations(source: Source, file: ScenarioEntry, scenario: Scenario): void {
  for (const [broker, { kind, options }] of Object.entries(scenario.brokers)) {
    const declared = (section: (typeof SECTIONS)[number]): Declared[] =>
      Object.entries(scenario[section]).flatMap(([name, spec]) => (spec.broker === broker ? [{ ...spec, name }] : []));
    const clients = (section: 'producers' | 'consumers') =>
      Object.entries(scenario[section]).flatMap(([name, spec]) =>
        spec.broker === broker ? [{ name, options: spec.options }] : [],
      );
    // What a consumer makes of its messages goes out as a producer's does.
    const outputs = Object.entries(scenario.consumers).flatMap(([name, { produces }]) =>
      produces.flatMap((one, i) =>
        one.broker === broker
          ? [
              {
                name: `${name}, output ${i + 1}`,
                options: one.options,
                spot: file.consumers.get(name)?.produces?.[i]?.spot,
              },
            ]
          : [],
      ),
    );
    const complaints = source.kinds[kind]?.check?.({
      name: broker,
      options,
      queues: declared('queues'),
      topics: declared('topics'),
      exchanges: declared('exchanges'),
      producers: [...clients('producers'), ...outputs],
      consumers: clients('consumers').map((one) => {
        const { from, group } = scenario.consumers[one.name] ?? { from: [], group: one.name };
        return { ...one, from, group };
      }),
      elsewhere: elsewhere(scenario, broker),
    });
    const lacksPrefetch = source.kinds[kind]?.lacks['prefetch'];
    for (const { name } of lacksPrefetch === undefined ? [] : clients('consumers')) {
      const entry = file.consumers.get(name);
      if (entry?.prefetch === undefined) continue;
      source.error(
        source.child(entry.spot, 'prefetch'),
        `${source.kinds[kind]?.title ?? kind} has no \`prefetch\`.`,
        '',
        lacksPrefetch,
      );
    }
    for (const { section, name, option, text } of complaints ?? []) {
      const output = outputs.find((one) => section === 'producers' && one.name === name);
      const spot = file[section].get(name)?.spot ?? output?.spot ?? source.root;
      const at = option === '' ? { ...spot, node: spot.keyNode } : source.child(spot, option);
      source.error(at, `\`${name}\`: ${text.replace(/\.$/, '')}.`);
    }
  }
}

/** Values that an option may have and that it cannot be given when a line comes, after what the lines before it have set. */
function checkChanges(source: Source, scenario: Scenario, changes: readonly Change[]): void {
  // Lines of one time come in the order of the file.
  const inOrder = changes.filter(({ atUs }) => atUs !== null).sort((a, b) => (a.atUs ?? 0) - (b.atUs ?? 0));
  for (const change of changes) {
    const { path, value, spot } = change;
    const [section, name = '', ...rest] = path;
    if (section !== 'queues' && section !== 'topics') continue;
    const declared = scenario[section][name];
    if (declared === undefined) continue;
    const option = rest.join('.');
    const before = inOrder
      .slice(0, Math.max(0, inOrder.indexOf(change)))
      .filter((one) => one.path.join('.') === path.join('.'))
      .map((one) => one.value);
    const { options } = declared;
    const brokerOptions = scenario.brokers[declared.broker]?.options ?? {};
    const refused = kindOf(source, scenario, declared.broker)?.refusesChange?.({
      name,
      option,
      value,
      before,
      options,
      brokerOptions,
    });
    if (refused) source.error(spot, refused.text, '', refused.hint);
  }
}

/** Two things of one name, where the name must tell them apart. */
function checkNames(source: Source, file: ScenarioEntry, scenario: Scenario): void {
  const places = new Map<string, string>();
  const actors = new Map<string, string>();
  let count = 0;
  const claimName = (taken: Map<string, string>, name: string, what: string, spot: Spot): void => {
    const other = taken.get(name);
    if (other === undefined) taken.set(name, what);
    else
      source.error(
        { ...spot, node: spot.keyNode ?? spot.node },
        `\`${name}\` is the name of ${what} and of ${other}.`,
        '',
        'Rename one of them.',
      );
  };
  for (const section of SECTIONS) {
    for (const [name, entry] of file[section])
      claimName(places, name, `${section === 'exchanges' ? 'an exchange' : `a ${section.slice(0, -1)}`}`, entry.spot);
  }
  for (const node of nodeNames(source, scenario)) claimName(actors, node, 'a broker node', source.root);
  for (const name of Object.keys(scenario.stores)) {
    const spot =
      file.stores.get(name)?.spot ??
      [...file.consumers.values(), ...file.producers.values()].find((entry) => entry.effect.store === name)?.spot ??
      source.root;
    claimName(places, name, 'a store', spot);
    claimName(actors, name, 'a store', spot);
    count++;
  }
  for (const [section, what] of [
    ['producers', 'a producer'],
    ['consumers', 'a consumer'],
  ] as const) {
    for (const [name, entry] of file[section]) {
      claimName(actors, name, what, entry.spot);
      const most = section === 'consumers' ? mostInstances(file, name, entry.count) : entry.count;
      for (let i = 1; i <= most; i++) claimName(actors, `${name}-${i}`, `an instance of \`${name}\``, entry.spot);
      count += most;
    }
  }
  if (count > MOST_ACTORS)
    source.error(source.root, `there are ${count} actors.`, `at most ${MOST_ACTORS}`, 'Lower the counts.');
}

/**
 * Names of broker nodes. A cluster of `nodes` has b1, b2, … and a controller, with bookies beside them if it has any, behind the broker's name when the file gives it one; a service of a
 * single node is called like its kind, or by the broker's name; a direct call has no broker process.
 */
function nodeNames(source: Source, scenario: Scenario): readonly string[] {
  return Object.entries(scenario.brokers).flatMap(([name, { options }]) => {
    const kind = kindOf(source, scenario, name);
    return kind === null ? [] : nodesOf(kind, name, options);
  });
}

/** The nodes of one broker: `name` as `brokers:` has it, or `broker`. */
export function nodesOf(kind: BrokerKind, name: string, options: OptionValues): readonly string[] {
  if (declaresNothing(kind)) return [];
  if (kind.nodeNames !== undefined) return kind.nodeNames(name, options);
  if (!Object.hasOwn(kind.options, 'nodes')) return [name === 'broker' ? kind.kind : name];
  const before = name === 'broker' ? '' : `${name}-`;
  const nodes = Array.from({ length: numberOf(options, 'nodes', 1) }, (_, i) => `${before}b${i + 1}`);
  const bookies = Array.from({ length: numberOf(options, 'bookies') }, (_, i) => `${before}bookie-${i + 1}`);
  return [...nodes, ...(nodes.length > 1 ? [`${before}controller`] : []), ...bookies];
}

/** Names of other things, gathered while the file was read. */
function checkReferences(source: Source, file: ScenarioEntry, scenario: Scenario): void {
  const known = new Map<Reference['wants'], readonly string[]>();
  for (const { wants, name, spot } of source.references) {
    const names = known.get(wants) ?? namesOf(source, wants, file, scenario);
    known.set(wants, names);
    if (names.includes(name)) continue;
    if (wants === 'actor' && isInstance(name, file)) continue;
    const article = /^[aeiou]/.test(wants) ? 'an' : 'a';
    const list =
      names.length > 0 && names.length <= 12
        ? `one of ${names.join(', ')}`
        : names.length === 0
          ? `${article} ${wants} that the file declares`
          : '';
    source.error(spot, `there is no ${wants} \`${shown(name)}\`.`, list, didYouMean(nearest(name, names)));
  }
}

function namesOf(
  source: Source,
  wants: Reference['wants'],
  file: ScenarioEntry,
  scenario: Scenario,
): readonly string[] {
  switch (wants) {
    case 'queue':
      return keysOf(source, 'queues');
    case 'topic':
      return keysOf(source, 'topics');
    case 'exchange':
      return keysOf(source, 'exchanges');
    case 'producer':
      return keysOf(source, 'producers');
    case 'consumer':
      return keysOf(source, 'consumers');
    case 'group':
      return [...new Set(Object.values(scenario.consumers).map((consumer) => consumer.group))];
    case 'broker':
      return Object.keys(scenario.brokers);
    case 'actor': {
      const declared = [...keysOf(source, 'producers'), ...keysOf(source, 'consumers')];
      const names = [...declared, ...Object.keys(scenario.stores), ...nodeNames(source, scenario)];
      for (const section of [file.producers, file.consumers]) {
        for (const [name, entry] of section) for (let i = 1; i <= entry.count; i++) names.push(`${name}-${i}`);
      }
      return names;
    }
    default:
      return unknownReference(wants);
  }
}

/** All names of a section, also of entries that could not be read: their own mistakes are enough. */
function keysOf(source: Source, section: string): readonly string[] {
  const spot = source.child(source.root, section);
  return quietly(source, () => source.entries(spot).map((entry) => entry.key));
}

/** An instance that scaling may add later. */
function isInstance(name: string, file: ScenarioEntry): boolean {
  const match = /^(.+)-(\d{1,4})$/.exec(name);
  const declared = match?.[1] ?? '';
  return file.consumers.has(declared) && scaled(file, declared);
}

/** How many instances a consumer may ever have; those that scaling adds have names like the others. */
function mostInstances(file: ScenarioEntry, consumer: string, count: number): number {
  let most = Math.max(count, file.autoscale.get(consumer)?.max ?? 0);
  for (const { action } of file.timeline)
    if (action?.type === 'scale' && action.consumer === consumer) most = Math.max(most, action.count);
  return most;
}

/** Whether its clock may show the end of the run while that goes on. */
function isSkewed(file: ScenarioEntry, producer: string): boolean {
  const isIts = (name: string): boolean => name === producer || name.startsWith(`${producer}-`);
  return file.timeline.some(({ action }) => action?.type === 'skew' && action.actors.some(isIts));
}

/** Whether instances come and go, so that even a single one has a number. */
function scaled(file: ScenarioEntry, consumer: string): boolean {
  const byLine = file.timeline.some((line) => line.action?.type === 'scale' && line.action.consumer === consumer);
  return byLine || file.autoscale.has(consumer);
}

/**
 * A single instance has the declared name itself (`resizer`), yet `resizer-1` stays valid, so that turning `count` down to 1 breaks no line.
 */
function onlyOnes(file: ScenarioEntry): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const [name, entry] of file.producers) if (entry.count === 1) names.set(`${name}-1`, name);
  for (const [name, entry] of file.consumers)
    if (entry.count === 1 && !scaled(file, name)) names.set(`${name}-1`, name);
  return names;
}

function renameWhen(when: When, names: ReadonlyMap<string, string>): When {
  if (when.type === 'at' || when.actor === null) return when;
  return { ...when, actor: names.get(when.actor) ?? when.actor };
}

function renameAction(action: TimelineAction, names: ReadonlyMap<string, string>): TimelineAction {
  const one = (name: string): string => names.get(name) ?? name;
  switch (action.type) {
    case 'crash':
    case 'restart':
    case 'pause':
    case 'slow':
    case 'skew':
    case 'fill':
    case 'free':
    case 'stop':
      return { ...action, actors: action.actors.map(one) };
    case 'split':
      return { ...action, sides: action.sides.map((side) => side.map(one)) };
    case 'interfere':
      return {
        ...action,
        from: action.from === null ? null : one(action.from),
        to: action.to === null ? null : one(action.to),
      };
    default:
      return action;
  }
}

/** Whether what a kind has under `queues:` are subscriptions, which get what is published to the topic that each names. */
function hasSubscriptions(kind: BrokerKind): boolean {
  return Object.hasOwn(kind.queues ?? {}, 'topic');
}

/**
 * `to:` and `from:` name things on the same broker; where there are subscriptions, one sends to topics and takes from those. A broker that declares
 * nothing has whatever its consumers take from.
 */
function checkEnds(source: Source, file: ScenarioEntry, scenario: Scenario): void {
  const declared = (broker: string, sections: readonly (typeof SECTIONS)[number][]): string[] =>
    sections.flatMap((section) =>
      Object.entries(scenario[section]).flatMap(([name, spec]) => (spec.broker === broker ? [name] : [])),
    );
  const unread = new Set(
    SECTIONS.flatMap((section) => keysOf(source, section).filter((name) => !file[section].has(name))),
  );
  const check = (spot: Spot, key: 'to' | 'from', broker: string, names: readonly string[]): void => {
    const end = source.child(spot, key);
    for (const item of source.isList(end) ? source.items(end) : [end]) {
      const name = source.text(item);
      if (name === null || names.includes(name) || unread.has(name)) continue;
      const home = SECTIONS.find((section) => Object.hasOwn(scenario[section], name));
      const elsewhere = home === undefined ? undefined : scenario[home][name];
      const exchange = key === 'from' && Object.hasOwn(scenario.exchanges, name);
      const title = kindOf(source, scenario, broker)?.title ?? broker;
      const hint = exchange
        ? 'Consumers take from queues; bind a queue to the exchange.'
        : elsewhere?.broker === broker
          ? key === 'to'
            ? `It is a subscription: what it gets is sent to \`${shown(textOf(elsewhere.options, 'topic'))}\`.`
            : 'It is a topic: consumers take from a subscription of it.'
          : elsewhere !== undefined
            ? `It is on the broker \`${elsewhere.broker}\`.`
            : didYouMean(nearest(name, names));
      const what = key === 'to' ? 'nothing that messages could be sent to' : 'nothing to take messages from';
      source.error(item, `${title} has ${what} under the name \`${shown(name)}\`.`, listed(names), hint);
    }
  };
  const taken = (broker: string): string[] =>
    Object.values(scenario.consumers).flatMap((one) => (one.broker === broker ? one.from : []));
  const targets = (kind: BrokerKind, broker: string): string[] => {
    if (declaresNothing(kind)) return taken(broker);
    return declared(broker, hasSubscriptions(kind) ? ['topics'] : SECTIONS);
  };
  for (const [name, entry] of file.producers) {
    const { broker } = scenario.producers[name] ?? { broker: '' };
    const kind = kindOf(source, scenario, broker);
    if (kind !== null) check(entry.spot, 'to', broker, targets(kind, broker));
  }
  for (const [name, entry] of file.consumers) {
    const { broker } = scenario.consumers[name] ?? { broker: '' };
    const kind = kindOf(source, scenario, broker);
    (entry.produces ?? []).forEach(({ spot }, i) => {
      const home = scenario.consumers[name]?.produces[i]?.broker ?? '';
      const itsKind = kindOf(source, scenario, home);
      if (itsKind !== null) check(spot, 'to', home, targets(itsKind, home));
    });
    if (kind === null || declaresNothing(kind)) continue;
    check(entry.spot, 'from', broker, declared(broker, hasSubscriptions(kind) ? ['queues'] : ['queues', 'topics']));
  }
  for (const name of file.autoscale.keys()) {
    if (file.consumers.has(name)) continue;
    const spot = source.child(source.child(source.root, 'autoscale'), name);
    source.error(
      { ...spot, node: spot.keyNode },
      `there is no consumer \`${name}\`.`,
      listed([...file.consumers.keys()]),
      didYouMean(nearest(name, file.consumers.keys())),
    );
  }
  for (const [name, entry] of file.autoscale) {
    if (entry.max !== undefined && entry.min > entry.max) {
      source.error(entry.spot, `\`min\` is above \`max\` for \`${name}\`.`, 'min ≤ max');
    }
  }
}

/** What a broker is told to do by a line of the timeline must be something that it can do, and be told of something that it has. */
function checkCommands(source: Source, file: ScenarioEntry, scenario: Scenario): void {
  // By group and name, when each is made at the earliest: 0 where that is not known before the run.
  const snapshots = new Map<string, Micros>();
  for (const { action, when } of file.timeline) {
    if (action?.type !== 'snapshot') continue;
    const name = `${action.group} ${action.name}`;
    const madeAtUs = when.type === 'at' ? when.atUs : 0;
    snapshots.set(name, Math.min(madeAtUs, snapshots.get(name) ?? madeAtUs));
  }
  for (const { action, spot, when } of file.timeline) {
    if (action?.type === 'fill' || action?.type === 'free')
      checkDisks(source, scenario, action.actors, source.child(spot, action.type));
    if (action?.type === 'redrive' || action?.type === 'purge')
      checkQueueCommand(source, scenario, action.type, action.queue, source.child(spot, action.type));
    if (action?.type === 'redrive')
      checkMoveSource(source, file, scenario, action.queue, source.child(spot, 'redrive'));
    if (action?.type === 'send' && action.key !== null && scenario.producers[action.producer]?.key === null) {
      const hint = `Say which attribute is the key, such as \`key: user\` of the producer.`;
      source.error(source.child(spot, 'key'), `the messages of ${action.producer} have no key.`, '', hint);
    }
    if (action?.type !== 'seek' && action?.type !== 'snapshot') continue;
    const consumer = Object.values(scenario.consumers).find(({ group }) => group === action.group);
    const kind = consumer === undefined ? null : kindOf(source, scenario, consumer.broker);
    if (kind === null) continue;
    const can = (command: 'seek' | 'snapshot'): boolean => kind.commands?.includes(command) === true;
    if (action.type === 'snapshot') {
      if (can('snapshot')) continue;
      const instead = can('seek') ? '`seek` goes to a time or an end without one.' : '';
      source.error(source.child(spot, 'snapshot'), `${kind.title} makes no snapshots of a group.`, '', instead);
      continue;
    }
    const to = source.child(spot, 'to');
    if (!can('seek')) {
      const why = kind.lacks['auto.offset.reset'] ?? '';
      source.error(source.child(spot, 'seek'), `${kind.title} cannot be read again from elsewhere.`, '', why);
    } else if ('offset' in action.to && kind.lacks['offset'] !== undefined) {
      const places = '`earliest`, `latest` or a `time`';
      source.error(to, `${kind.title} has no offsets to seek to.`, places, kind.lacks['offset']);
    } else if ('snapshot' in action.to && !can('snapshot')) {
      source.error(to, `${kind.title} makes no snapshots of a group.`, '`earliest`, `latest`, an offset or a time');
    } else if ('snapshot' in action.to) {
      const { group } = action;
      const name = shown(action.to.snapshot);
      const madeAtUs = snapshots.get(`${group} ${action.to.snapshot}`);
      const hint = `Make it with a line such as \`{ at: 10s, snapshot: ${group}, name: ${name} }\`.`;
      if (madeAtUs === undefined) source.error(to, `no line makes a snapshot \`${name}\` of ${group}.`, '', hint);
      else if (when.type === 'at' && when.atUs < madeAtUs)
        source.error(to, `the snapshot \`${name}\` of ${group} is made later than this.`, '', 'Seek after it is made.');
    }
  }
}

/** Warns of lines that would change nothing. */
function checkVain(source: Source, file: ScenarioEntry, scenario: Scenario): void {
  const kinds = Object.values(scenario.brokers).map(({ kind }) => kind);
  const nodes = isInstant(scenario.network) ? nodeNames(source, scenario) : [];
  const isProducer = (name: string): boolean => {
    const declared = /^(.+)-\d{1,4}$/.exec(name)?.[1] ?? name;
    return file.producers.has(name) || (file.producers.has(declared) && !file.consumers.has(name));
  };
  for (const { action, spot } of file.timeline) {
    if (action?.type === 'interfere' && action.how === 'duplicate') {
      const why = whyCopiesAreVain(action.hops, kinds);
      if (why !== '') source.warn(source.child(spot, 'duplicate'), `this changes nothing: ${why}.`);
    }
    if (action?.type !== 'slow') continue;
    const at = source.child(spot, 'slow');
    action.actors.forEach((name, i) => {
      const why = isProducer(name) ? VAIN_SLOWNESS.producer : nodes.includes(name) ? VAIN_SLOWNESS.instant : '';
      const item = source.isList(at) ? (source.items(at)[i] ?? at) : at;
      if (why !== '') source.warn(item, `${shown(name)} is no slower by this: ${why}.`);
    });
  }
}

/** Only the disk of a broker's own node is full. Names that nobody has are reported elsewhere. */
function checkDisks(source: Source, scenario: Scenario, names: readonly string[], spot: Spot): void {
  const spots = source.isList(spot) ? source.items(spot) : [spot];
  const kinds = Object.entries(scenario.brokers).flatMap(([broker, { options }]) => {
    const kind = kindOf(source, scenario, broker);
    return kind === null ? [] : [{ kind, nodes: nodesOf(kind, broker, options) }];
  });
  const full = kinds.flatMap(({ kind, nodes }) => nodes.filter((node) => kind.hasDisk?.(node) === true));
  names.forEach((name, i) => {
    if (full.includes(name)) return;
    const home = kinds.find(({ nodes }) => nodes.includes(name));
    const isOther = [scenario.producers, scenario.consumers, scenario.stores].some((some) => Object.hasOwn(some, name));
    if (home === undefined && !isOther) return;
    const hint = home?.kind.lacks['fill'] ?? '';
    source.error(spots[i] ?? spot, `\`${shown(name)}\` has no disk here that could be full.`, listed(full), hint);
  });
}

/** Dead letters are moved back from a queue, or a queue is emptied, by a broker that does such a thing. */
function checkQueueCommand(
  source: Source,
  scenario: Scenario,
  command: 'redrive' | 'purge',
  name: string,
  spot: Spot,
): void {
  const declared = { ...scenario.topics, ...scenario.exchanges, ...scenario.queues }[name];
  if (declared === undefined) {
    const names = keysOf(source, 'queues');
    if (names.includes(name)) return;
    const list = names.length === 0 ? 'a queue that the file declares' : listed(names);
    source.error(spot, `there is no queue \`${shown(name)}\`.`, list, didYouMean(nearest(name, names)));
    return;
  }
  const kind = kindOf(source, scenario, declared.broker);
  if (kind === null) return;
  if (command === 'purge' && declared.options['x-queue-type'] === 'stream') {
    const why = 'What is in it goes by x-max-age and x-max-length-bytes.';
    return void source.error(spot, `the stream \`${shown(name)}\` cannot be purged.`, '', why);
  }
  if (kind.commands?.includes(command) === true) return;
  const passOver = 'Let its group `seek` to `latest`: that passes over what is there.';
  const instead = command === 'purge' && kind.commands?.includes('seek') === true ? passOver : '';
  source.error(spot, `${kind.title} has no ${command}.`, '', kind.lacks[command] ?? instead);
}

/** S13: SQS's own task moves back only what lies in a queue that another one has for its dead letters, not what SNS put there. The timeline moves it in any case. */
function checkMoveSource(source: Source, file: ScenarioEntry, scenario: Scenario, name: string, spot: Spot): void {
  const queue = scenario.queues[name];
  if (queue === undefined || scenario.brokers[queue.broker]?.kind !== 'sqs') return;
  const isNamed = Object.values(scenario.queues).some(
    ({ options }) => textOf(tableOf(options, 'RedrivePolicy') ?? {}, 'deadLetterTargetArn') === name,
  );
  const isChanged = file.timeline.some(({ sets }) => sets.some(({ path }) => path.includes('.RedrivePolicy')));
  if (isNamed || isChanged) return;
  const instead = `A consumer with \`from: ${shown(name)}\` that \`produces:\` to another queue does it as a script would.`;
  source.warn(
    spot,
    `no queue has \`${shown(name)}\` for its dead letters, so SQS would refuse to move them.`,
    '',
    instead,
  );
}

function listed(names: readonly string[]): string {
  return names.length === 0 || names.length > 12 ? '' : `one of ${names.join(', ')}`;
}

function declaresNothing(kind: BrokerKind): boolean {
  return SECTIONS.every((section) => kind[section] === undefined);
}

/** A message that is dead-lettered in a circle would never leave: A names B and B names A. */
function checkDeadLetters(source: Source, file: ScenarioEntry, scenario: Scenario): void {
  const next = (name: string): string => {
    const policy = tableOf(file.queues.get(name)?.own.values ?? {}, 'RedrivePolicy');
    return policy === undefined ? '' : textOf(policy, 'deadLetterTargetArn');
  };
  const done = new Set<string>();
  for (const start of Object.keys(scenario.queues)) {
    const way: string[] = [];
    let name = start;
    while (name !== '' && !done.has(name) && !way.includes(name)) {
      way.push(name);
      name = next(name);
    }
    if (name !== '' && way.includes(name)) {
      const circle = [...way.slice(way.indexOf(name)), name].join(' → ');
      const spot = file.queues.get(name)?.spot ?? source.root;
      source.error(
        source.child(spot, 'RedrivePolicy'),
        `dead-letter queues form a circle: ${circle}.`,
        'a dead-letter queue without a way back',
        'Remove one RedrivePolicy.',
      );
    }
    for (const one of way) done.add(one);
  }
}

/** Placeholders that nothing fills, times beyond the end, and more messages than a run may have. */
function checkAmounts(source: Source, file: ScenarioEntry, scenario: Scenario): void {
  let total = 0;
  let largest: { readonly spot: Spot; readonly count: number } | null = null;
  for (const [name, entry] of file.producers) {
    const spec = scenario.producers[name];
    if (spec === undefined) continue;
    const attributes = new Set([
      ...Object.keys(spec.attributes),
      ...spec.send.flatMap((one) => Object.keys(one.attributes)),
    ]);
    for (const [, wanted] of spec.routingKey.matchAll(/\{([^{}]{1,64})\}/g)) {
      if (wanted === undefined || attributes.has(wanted)) continue;
      source.error(
        source.child(entry.spot, 'routing'),
        `there is no attribute \`${shown(wanted)}\` to fill in.`,
        listed([...attributes]),
        didYouMean(nearest(wanted, attributes)),
      );
    }
    const spanUs = Math.max(0, Math.min(spec.stopUs, scenario.durationUs) - spec.startUs);
    const byRate = (spec.perSecond * spanUs) / 1_000_000;
    const made = spec.messages > 0 ? Math.min(byRate, spec.messages) : byRate;
    const sent = spec.send.reduce((sum, one) => sum + one.times, 0);
    const count = spec.count * (made + sent);
    total += count;
    if (largest === null || count > largest.count)
      largest = { spot: byRate >= sent ? source.child(entry.spot, 'rate') : source.child(entry.spot, 'send'), count };
    if (!source.failed && spec.perSecond === 0 && spec.send.length === 0 && !isAsked(scenario, name)) {
      source.warn(
        { ...entry.spot, node: entry.spot.keyNode },
        'this producer makes no messages.',
        '',
        'Give it a `rate:` or a `send:` list.',
      );
    }
  }
  for (const { action } of scenario.timeline) {
    if (action.type !== 'burst' && action.type !== 'send') continue;
    const count = scenario.producers[action.producer]?.count ?? 1;
    const each =
      action.type === 'send'
        ? action.messages
        : (action.perSecond * Math.min(action.forUs, scenario.durationUs)) / 1_000_000;
    total += count * each;
  }
  if (total <= scenario.limits.messages) return;
  const spot = largest?.spot ?? source.root;
  source.error(
    spot,
    `about ${Math.ceil(total)} messages would be made.`,
    `at most ${scenario.limits.messages} (\`limits.messages\`, which may be up to ${MOST_MESSAGES})`,
    'Lower the rate, shorten the run, or give `messages:` a number.',
  );
}

const MOST_MESSAGES = blank(LIMITS_FIELDS).messages;

/** Whether a line of the timeline may have it make messages. */
function isAsked(scenario: Scenario, producer: string): boolean {
  return scenario.timeline.some(
    ({ action }) =>
      action.type === 'set' || ((action.type === 'burst' || action.type === 'send') && action.producer === producer),
  );
}

/** Expectations, goals, alerts and scaling rules. When other things are wrong, names may be missing for that reason alone: only syntax is checked. */
function checkExpressions(source: Source, file: ScenarioEntry, scenario: Scenario): void {
  const names = source.failed ? null : expressionNames(scenario);
  const check = (spot: Spot, text: string | undefined, purpose: Purpose): void => {
    if (text === undefined || text === '') return;
    const parsed = parseExpression(text);
    const mistake = isMistake(parsed) ? parsed : names === null ? null : checkExpression(text, names, purpose);
    if (mistake !== null) source.errorWithin(spot, mistake.at, mistake.message, '', mistake.hint);
  };
  for (const spot of source.items(source.child(source.root, 'expect')))
    check(spot, source.text(spot) ?? '', 'expectation');
  for (const entry of file.alerts.values()) check(source.child(entry.spot, 'when'), entry.when, 'alert');
  for (const entry of file.autoscale.values()) check(source.child(entry.spot, 'on'), entry.on, 'metric');
  for (const goal of file.exercise?.goals ?? []) check(source.child(goal.spot, 'expect'), goal.expect, 'expectation');
  if (names === null) return;
  const claims = source.items(source.child(source.root, 'claims'));
  file.claims.forEach(({ claim, scope }, i) => {
    const mistake = scopeMistake(claim, scope, names);
    if (mistake !== null) source.error(claims[i] ?? source.root, mistake.message, '', mistake.hint);
  });
}

function kindOf(source: Source, { brokers }: Scenario, broker: string): BrokerKind | null {
  return kindIn(source, brokers, broker);
}

function kindIn(source: Source, brokers: Scenario['brokers'], broker: string): BrokerKind | null {
  const kind = brokers[broker]?.kind ?? '';
  return Object.hasOwn(source.kinds, kind) ? (source.kinds[kind] ?? null) : null;
}

function unknownReference(wants: never): never {
  throw new Error(`invariant: unknown reference ${JSON.stringify(wants)}`);
}
