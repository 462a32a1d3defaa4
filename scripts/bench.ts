/**
 * How fast the laboratory is: `npm run bench`, with `-- --json` for one JSON object. A run of W2 (test/bench/w2.yaml) beside a hand-written loop of the
 * same model; the same model under every broker that can express it (test/bench/w2-under.yaml) beside SQS; the event queue; seeking in a long trace; judging; the page's frames with thousands of messages in transit. All else about the page is `npm run bench:web`. Each figure stands beside the one that is wanted. It measures
 * and judges nothing: the exit status is 0 whatever comes out. Times are the least of several rounds, because other work on the machine only
 * ever adds to them. `-- run brokers queue seek judge frames` measures only some; `-- --rounds 15` repeats more often.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import type { Wire } from '../core/machine.ts';
import { Agenda, EVENT } from '../sim/clock.ts';
import { benchSeek } from '../sim/folds/keyframes.ts';
import { report } from '../sim/report.ts';
import { parseScenario } from '../sim/scenario/parse.ts';
import type { Scenario } from '../sim/scenario/types.ts';
import { CHUNK, type Trace } from '../sim/trace.ts';
import { type Run, run } from '../sim/world.ts';
import { minimalW2 } from '../test/bench/minimal-w2.ts';
import { about, atLeast, atMost, benchArguments, type Figure, figure, printFigures } from './figures.ts';

const FILE = 'test/bench/w2.yaml';
const LANES_FILE = 'test/bench/w2-under.yaml';
/** Settings of a lane's own broker: messages of one group would wait for each other, and one message at a time is what the other brokers' clients are content with. */
const OWN_WORDS: Readonly<Record<string, readonly string[]>> = {
  'sqs-fifo': ['producers.shop.key=order'],
  'kafka-share': ['consumers.worker.max.poll.records=1'],
};
/** Lanes are measured by turns, so that whatever else the machine does troubles all alike. */
const TURNS = 5;
const LANE_MESSAGES = 50_000;
const SECTIONS = ['run', 'brokers', 'queue', 'seek', 'judge', 'frames'] as const;
type Section = (typeof SECTIONS)[number];

interface Spent {
  readonly wallMs: number;
  readonly cpuMs: number;
}

const NEVER: Spent = { wallMs: Number.POSITIVE_INFINITY, cpuMs: Number.POSITIVE_INFINITY };

/** What one lane cost, as its process tells it. */
interface LaneCost {
  readonly facts: number;
  readonly cpuMs: number;
  /** Neutral words that this broker has nothing for. */
  readonly cannot: readonly string[];
}

const options = benchArguments(SECTIONS, 9);
const { rounds } = options;
/** A run of W2 is at its quickest after five to eight of them, when all of it is compiled. */
const runRounds = 2 * rounds;
const [, script = '', asked, lane = ''] = process.argv;
if (asked === 'lane') console.log(JSON.stringify(costOf(lane)));
else await printFigures(SECTIONS, options, measure);

function measure(section: Section): readonly Figure[] {
  switch (section) {
    case 'run':
      return runFigures();
    case 'brokers':
      return brokerFigures();
    case 'queue':
      return queueFigures();
    case 'seek':
      return seekFigures();
    case 'judge':
      return judgeFigures();
    case 'frames':
      return framesFigures();
    default:
      return section satisfies never;
  }
}

// ── W2 and the minimal loop ───────────────────────────────────────────────────────────────────────────────────────────

/** Both by turns in one process, so that whatever else the machine does troubles them alike. */
function runFigures(): readonly Figure[] {
  const scenario = w2();
  const messages = scenario.producers['shop']?.messages ?? 0;
  let ours: Spent = NEVER;
  let minimal: Spent = NEVER;
  let last: Run = run(scenario);
  for (let round = 0; round < runRounds; round++) {
    ours = least(
      ours,
      timed(() => {
        last = run(scenario);
      }),
    );
    minimal = least(
      minimal,
      timed(() => minimalW2(messages, String(round))),
    );
  }
  const { trace } = last;
  const { messages: totals } = report(last, scenario.seed);
  // A sound message is handed out until one delivery neither dies nor outlasts the lock; poison is handed out five times.
  const poison = 0.005;
  const unsettled = 0.05 + 0.95 * Math.exp(-5);
  const deliveries = messages * ((1 - poison) / (1 - unsettled) + 5 * poison);
  return [
    figure('W2: messages a second', messages / (ours.wallMs / 1000), '/s'),
    figure('W2: facts a second, full trace', trace.count / (ours.wallMs / 1000), '/s'),
    figure('W2: facts a message', trace.count / messages, ''),
    figure('W2: wall time', ours.wallMs, 'ms'),
    figure('W2: CPU time', ours.cpuMs, 'ms'),
    figure('minimal loop: wall time', minimal.wallMs, 'ms'),
    figure('minimal loop: CPU time', minimal.cpuMs, 'ms'),
    atMost('W2 ÷ minimal loop, wall time', ours.wallMs / minimal.wallMs, 4, ''),
    atMost('W2 ÷ minimal loop, CPU time', ours.cpuMs / minimal.cpuMs, 4, ''),
    atMost('bytes of trace a fact', bytesOf(trace) / trace.count, 24, 'B'),
    about('deliveries', totals.delivered, deliveries, 0.005),
    about('settled', totals.settled, messages * (1 - poison), 0.005),
    about('dead-lettered', totals.deadLettered, messages * poison, 0.1),
  ];
}

/** What the columns hold for the facts that there are; the empty rest of the last chunk is not counted. */
function bytesOf(trace: Trace): number {
  const { chunks, wide } = trace.take(0, trace.messageCount);
  let bytes = 16 * wide.length;
  for (const { buffer, carries } of chunks) bytes += buffer.byteLength + 8 * carries.length;
  const unused = chunks.length * CHUNK - trace.count;
  return bytes - (unused / CHUNK) * (chunks[0]?.buffer.byteLength ?? 0);
}

// ── W2 under other brokers ────────────────────────────────────────────────────────────────────────────────────────────

/** A quarter of W2's messages under each broker in turn. Each has a process of its own, as a run has: in one that has run all brokers no call is compiled for one of them any more. */
function brokerFigures(): readonly Figure[] {
  const text = readFileSync(LANES_FILE, 'utf8');
  const lanes = parseScenario(text, { file: LANES_FILE }).under?.lanes ?? [];
  const costs = new Map<string, LaneCost>();
  for (let turn = 0; turn < TURNS; turn++) {
    for (const lane of lanes) {
      const cost = costInOwnProcess(lane);
      if (cost.cpuMs < (costs.get(lane)?.cpuMs ?? Number.POSITIVE_INFINITY)) costs.set(lane, cost);
    }
  }
  const sqsMs = costs.get('sqs')?.cpuMs ?? Number.NaN;
  return [...costs].flatMap(([lane, { facts, cpuMs, cannot }]) => {
    if (lane === 'sqs') return [];
    const ratio = cpuMs / sqsMs;
    return [
      figure(`W2 under ${lane}: facts a message`, facts / LANE_MESSAGES, ''),
      cannot.length === 0
        ? atMost(`W2 under ${lane} ÷ SQS, CPU time`, ratio, 2, '')
        : figure(`W2 under ${lane}, which has no ${cannot.join(' and no ')}, ÷ SQS, CPU time`, ratio, ''),
    ];
  });
}

/** A run of one broker shares no compiled code with another's, as when a person runs it. */
function costInOwnProcess(lane: string): LaneCost {
  const told = execFileSync(process.execPath, [script, 'lane', lane, '--rounds', String(rounds)], { encoding: 'utf8' });
  return JSON.parse(told) as LaneCost;
}

/** What a lane costs at the least. CPU time counts: it bears a busy machine better. */
function costOf(lane: string): LaneCost {
  const text = readFileSync(LANES_FILE, 'utf8');
  const sets = [`producers.shop.messages=${LANE_MESSAGES}`, `duration=${LANE_MESSAGES * 0.23}s`];
  const read = parseScenario(text, { file: LANES_FILE, under: lane, sets });
  // What has no neutral word: the file is read again as one of the lane's own broker.
  const own = parseDocument(read.under?.text ?? '');
  for (const key of ['under', 'lanes']) own.delete(key);
  const { scenario, diagnostics } = parseScenario(String(own), { file: lane, sets: OWN_WORDS[lane] ?? [] });
  if (scenario === null) throw new Error(`${lane}: ${diagnostics[0]?.message ?? 'unreadable'}`);
  const cannot = (read.under?.mapped ?? []).filter(({ can }) => !can).map(({ word }) => word.replace(/.*\./, ''));
  let spent = NEVER;
  let facts = 0;
  // The first two rounds are for the compiler.
  for (let round = -2; round < rounds; round++) {
    const one = timed(() => {
      facts = run(scenario).trace.count;
    });
    if (round >= 0) spent = least(spent, one);
  }
  return { facts, cpuMs: spent.cpuMs, cannot };
}

// ── The page ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** In a process of its own, as `npm run bench:web` measures them. */
function framesFigures(): readonly Figure[] {
  const told = execFileSync(process.execPath, ['scripts/run.mjs', 'scripts/bench-web.ts', 'frames', '--json'], {
    encoding: 'utf8',
  });
  return (JSON.parse(told.trimEnd().split('\n').at(-1) ?? '') as { readonly figures: readonly Figure[] }).figures;
}

// ── The event queue ───────────────────────────────────────────────────────────────────────────────────────────────────

/** The hold model: with so many events pending, take the next and schedule another one at a random distance. */
function queueFigures(): readonly Figure[] {
  let few = Number.POSITIVE_INFINITY;
  let many = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    few = Math.min(few, hold(1000));
    many = Math.min(many, hold(1_000_000));
  }
  return [
    figure('event queue: hold at 1,000 pending', few, 'ns'),
    figure('event queue: hold at 1,000,000 pending', many, 'ns'),
    atLeast('event queue: speed at 1,000,000 ÷ speed at 1,000', few / many, 0.25),
  ];
}

/** Nanoseconds of one hold, CPU time. */
function hold(pending: number): number {
  const holds = 1_000_000;
  const agenda = new Agenda();
  const wire: Wire = { type: 'hold' };
  let state = 1;
  const distance = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2147.483648);
  };
  for (let i = 0; i < pending; i++) agenda.schedule(distance(), EVENT.timer, 1, 0, 0, 0, wire);
  const turn = (): void => {
    agenda.next(Number.POSITIVE_INFINITY);
    agenda.schedule(agenda.now + distance(), EVENT.timer, 1, 0, 0, 0, wire);
  };
  for (let i = 0; i < pending; i++) turn();
  const { cpuMs } = timed(() => {
    for (let i = 0; i < holds; i++) turn();
  });
  return (cpuMs * 1e6) / holds;
}

// ── Seeking and judging ───────────────────────────────────────────────────────────────────────────────────────────────

function seekFigures(): readonly Figure[] {
  const scenario = w2('limits.facts=1000000');
  const { trace } = run(scenario);
  let best = benchSeek(trace, scenario, () => performance.now());
  for (let round = 1; round < rounds; round++) {
    const again = benchSeek(trace, scenario, () => performance.now());
    if (again.p95 < best.p95) best = again;
  }
  return [
    figure('seek: facts in the trace', trace.count, ''),
    figure('seek: keyframes', best.keyframes, ''),
    figure('seek: median', best.p50, 'ms'),
    atMost('seek: 95th percentile', best.p95, 16, 'ms'),
  ];
}

/** What `queuelab run --json` does beside the run: judging the claims of the file, and folding the metrics. */
function judgeFigures(): readonly Figure[] {
  const scenario = w2();
  const done = run(scenario);
  let reporting: Spent = NEVER;
  for (let round = 0; round < rounds; round++) {
    reporting = least(
      reporting,
      timed(() => report(done, scenario.seed)),
    );
  }
  return [
    figure('report: facts', done.trace.count, ''),
    figure('report: claims', scenario.claims.length, ''),
    figure('report: verdicts and metrics', reporting.wallMs, 'ms'),
  ];
}

// ── Measuring and saying ──────────────────────────────────────────────────────────────────────────────────────────────

function w2(...sets: readonly string[]): Scenario {
  const { scenario, diagnostics } = parseScenario(readFileSync(FILE, 'utf8'), { file: FILE, sets });
  if (scenario === null) throw new Error(`invariant: ${FILE} is no scenario: ${JSON.stringify(diagnostics)}`);
  return scenario;
}

function timed(work: () => void): Spent {
  const cpu = process.cpuUsage();
  const wall = performance.now();
  work();
  const wallMs = performance.now() - wall;
  const { user, system } = process.cpuUsage(cpu);
  return { wallMs, cpuMs: (user + system) / 1000 };
}

function least(a: Spent, b: Spent): Spent {
  return { wallMs: Math.min(a.wallMs, b.wallMs), cpuMs: Math.min(a.cpuMs, b.cpuMs) };
}
