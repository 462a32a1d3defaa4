/**
 * The command line's commands: they read arguments and files, print, and set the exit status. What a run is and means lives in the modules beside it; here alone files
 * and the terminal are touched. Exit status: 0 all holds, 1 something claimed or expected does not hold, 2 bad input or usage, 3 a limit
 * was hit. People's output goes with colours and progress only to a terminal.
 */
import { closeSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { type CAC, cac } from 'cac';
import pc from 'picocolors';
import type { Micros } from '../core/types.ts';
import { version } from '../package.json';
import { conformLines, DEVIATIONS_FILE, readCases, readDeviations } from './cli-conform.ts';
import { FORMATS, scenarioLines, timeOf } from './cli-export.ts';
import { type OpenOptions, openPage } from './cli-open.ts';
import { insteadOf, meantWords, quoted, restoreWords, visible, wrongWords } from './cli-words.ts';
import { conform, conforms } from './conform/index.ts';
import { cutShort } from './ending.ts';
import { EXPORTS, type Exported, type ExportFormat } from './exports/index.ts';
import { explainWhy } from './folds/why.ts';
import { type Grade, grade } from './grade.ts';
import { type TraceAbout, TraceReader, traceLines } from './jsonl.ts';
import { compareLanes, type Lane, lanesLines, lanesPass } from './lanes.ts';
import { clockTime, logLines, passes, type RunReport, report } from './report.ts';
import { type Diagnostic, renderDiagnostics } from './scenario/diagnostics.ts';
import { formatDuration, parseDuration } from './scenario/duration.ts';
import { setInText } from './scenario/edit.ts';
import { type Parsed, parseScenario } from './scenario/parse.ts';
import type { Scenario } from './scenario/types.ts';
import { type Run, World } from './world.ts';

export const STATUS = { holds: 0, fails: 1, badInput: 2, limit: 3 } as const;
const EVENTS_A_SLICE = 200_000;

/** What a person did wrong on the command line; printed as it is. */
class UsageError extends Error {}

interface CommonOptions {
  readonly seed?: string;
  readonly set?: string | string[];
  readonly until?: string;
  readonly json?: boolean;
  readonly under?: string;
}

interface RunOptions extends CommonOptions {
  /** `notable` or `all`. */
  readonly log?: string;
  readonly trace?: string;
}

interface ExportOptions extends CommonOptions {
  readonly format?: string;
  readonly from?: string;
  readonly to?: string;
  readonly out?: string;
}

const EXIT_STATUS =
  '  0  all holds\n  1  something that is claimed, expected or recorded does not\n  2  bad input: a file, an option, a value\n  3  a limit of the scenario was hit';

/** Does what the words say, without the names of Node and of the program: prints, and sets the exit status of this process. */
export function obey(words: readonly string[]): void {
  try {
    follow(meantWords(words));
  } catch (error) {
    if (!(error instanceof UsageError) && (error as Error).name !== 'CACError') throw error;
    complain((error as Error).message);
    process.exitCode = STATUS.badInput;
  }
}

/** All commands, as nobody has asked for one yet. */
function commands(): CAC {
  const cli = cac('queuelab');
  cli
    .command('run <file>', 'Run a scenario and judge it')
    .option('--seed <seed>', "Another seed than the file's")
    .option('--set <path=value>', 'Change a value of the file, such as consumers.resizer.count=3; may be repeated')
    .option('--until <time>', 'End earlier, such as 30s')
    .option('--json', 'Print one JSON object and nothing else')
    .option('--log [all]', 'Print every fact as a sentence; `--log all` also the quiet ones')
    .option('--under <brokers>', 'For a file in neutral words: under which brokers, such as sqs,kafka-share')
    .option('--trace <out.jsonl>', 'Write the whole trace as JSON Lines')
    .example('  queuelab run scenarios/why-queues/photo-queue.yaml --log')
    .action(runCommand);
  cli
    .command('why <file> <fact>', 'Tell why a fact happened: its causes, newest first')
    .option('--seed <seed>', "Another seed than the file's")
    .option('--under <broker>', 'For a file in neutral words: under which broker')
    .option('--set <path=value>', 'Change a value of the file; may be repeated')
    .option('--json', 'Print one JSON object and nothing else')
    .example('  queuelab why scenarios/why-queues/photo-queue.yaml 42')
    .action(whyCommand);
  cli
    .command('grade <file>', "Judge an exercise's goals on the seed shown and on hidden ones")
    .option('--set <path=value>', 'Turn a knob; may be repeated')
    .option('--json', 'Print one JSON object and nothing else')
    .example(
      '  queuelab grade scenarios/exercises/retry-limit.yaml --set queues.photo-jobs.RedrivePolicy.maxReceiveCount=8',
    )
    .action(gradeCommand);
  cli
    .command('export <file>', 'Write a run, or a stretch of it, as a file for other tools')
    .option('--format <format>', 'jsonl, csv, mermaid, perfetto, or yaml for the scenario as it runs')
    .option('--from <time>', 'Leave out what happens earlier, such as 19.4s')
    .option('--to <time>', 'Leave out what happens later')
    .option('--out <file>', 'Write to a file instead of the terminal')
    .option('--seed <seed>', "Another seed than the file's")
    .option('--under <broker>', 'For a file in neutral words: under which broker')
    .option('--set <path=value>', 'Change a value of the file; may be repeated')
    .example(
      '  queuelab export scenarios/why-queues/photo-queue.yaml --format perfetto --out photo-queue.perfetto.json',
    )
    .action(exportCommand);
  cli
    .command('open [file]', 'Show a scenario or a trace in the browser, and again whenever the file changes')
    .option('--port <number>', 'The port to serve on; the first free one from 4173 on by default')
    .option('--no-browser', 'Only print the address')
    .example('  queuelab open scenarios/why-queues/photo-queue.yaml')
    .action(openCommand);
  cli
    .command('conform <...paths>', 'Replay vectors and recordings of real brokers')
    .option('--json', 'Print one JSON object and nothing else')
    .example('  queuelab conform test/conformance')
    .action(conformCommand);
  cli.help((sections) => [
    ...sections.map((section) =>
      section.title?.startsWith('For more info') === true
        ? { title: 'More about a command', body: '  $ queuelab help run' }
        : // Of an option that is switched off by `--no-`, the default of the other one would be told.
          { ...section, body: section.body.replace(/(--no-\S+ .*?) \(default: true\)/g, '$1') },
    ),
    { title: 'Exit status', body: EXIT_STATUS },
  ]);
  cli.version(version);
  return cli;
}

function follow(words: readonly string[]): void {
  const cli = commands();
  const names = cli.commands.map(({ name }) => name);
  const [asked] = words;
  if (asked !== undefined && !asked.startsWith('-') && !names.includes(asked)) {
    const instead = insteadOf(asked, names, 'there are');
    throw new UsageError(`there is no command "${asked}". ${instead} \`queuelab help\` tells what they do.`);
  }
  cli.parse([...process.argv.slice(0, 2), ...words], { run: false });
  const { matchedCommand: command, options } = cli;
  if (command === undefined) {
    if (options['help'] === true || options['version'] === true) return;
    cli.outputHelp();
    process.exitCode = STATUS.badInput;
    return;
  }
  restoreWords(cli, words);
  const wrong = wrongWords(command, cli);
  if (wrong !== '') throw new UsageError(wrong);
  cli.runMatchedCommand();
}

function runCommand(file: string, options: RunOptions): void {
  if (options.log !== undefined && options.log !== 'notable' && options.log !== 'all')
    throw new UsageError(`--log stands alone or with \`all\`, not with "${options.log}".`);
  if (options.log !== undefined && options.json === true)
    throw new UsageError('--log and --json are two ways to tell of a run: choose one of them.');
  const parsed = read(file, options, underOf(options)[0]);
  if (parsed === null) return;
  const lanes = parsed.under === null ? [] : underOf(options).length > 0 ? underOf(options) : parsed.under.lanes;
  if (lanes.length > 1) return runLanes(file, options, lanes);
  const { scenario } = parsed;
  keepApart('--trace', options.trace, file);
  const run = simulate(scenario, options);
  if (options.trace !== undefined) writeLines(options.trace, traceLines(run.trace, aboutOf(file, parsed, options)));
  if (options.log !== undefined) for (const line of logLines(run.trace, scenario, options.log === 'all')) print(line);
  const result = report(run, seedOf(scenario, options));
  if (options.json === true) print(JSON.stringify(result));
  else printReport(result, runArguments(file, options));
  process.exitCode = run.ending !== 'duration' ? STATUS.limit : passes(result) ? STATUS.holds : STATUS.fails;
}

/** One run under each broker, and what differs between them. */
function runLanes(file: string, options: RunOptions, names: readonly string[]): void {
  if (options.log !== undefined || options.trace !== undefined) {
    throw new UsageError(ofOneRun('--log and --trace are', names));
  }
  const lanes: Lane[] = [];
  for (const name of names) {
    const parsed = read(file, options, name);
    if (parsed === null || parsed.under === null) return;
    const { scenario, under } = parsed;
    const run = simulate(scenario, options);
    if (run.ending !== 'duration') process.exitCode = STATUS.limit;
    const { title, always } = under.profile;
    lanes.push({
      under: name,
      title,
      mapping: under.mapped,
      note: always.note,
      run: report(run, seedOf(scenario, options)),
    });
  }
  const result = compareLanes(lanes);
  if (options.json === true) print(JSON.stringify(result));
  else for (const line of lanesLines(result)) print(line);
  process.exitCode ??= lanesPass(result) ? STATUS.holds : STATUS.fails;
}

function whyCommand(file: string, factText: string, options: CommonOptions): void {
  const scenario = load(file, options);
  if (scenario === null) return;
  const { trace } = simulate(scenario, options);
  const fact = /^\d{1,10}$/.test(factText) ? Number(factText) : 0;
  if (fact < 1 || fact > trace.count) {
    throw new UsageError(
      `"${factText}" is no fact of this run: facts are numbered 1 to ${trace.count}; \`queuelab run ${runArguments(file, options)} --log\` shows the numbers.`,
    );
  }
  const chain = explainWhy(trace, scenario, fact);
  if (options.json === true) {
    print(JSON.stringify({ format: 'queuelab/why@1', fact, chain }));
    return;
  }
  chain.forEach(({ timeUs, sentence }, depth) => {
    print(`${'  '.repeat(depth)}${depth === 0 ? '' : '← '}${sentence} ${pc.dim(clockTime(timeUs))}`);
  });
}

function gradeCommand(file: string, options: CommonOptions): void {
  const text = readScenarioText(file);
  const sets = setsOf(options);
  const { scenario, diagnostics } = parseScenario(text, { file, sets });
  if (!accept(scenario, diagnostics)) return;
  if (scenario.exercise === null) {
    throw new UsageError(
      `${file} is a scenario, not an exercise: it has no \`exercise:\` part. \`queuelab run\` runs it.`,
    );
  }
  const { grade: result, diagnostics: refused } = grade(text, sets, { file });
  if (result === null) {
    process.stderr.write(`${visible(renderDiagnostics(refused))}\n`);
    process.exitCode = STATUS.badInput;
    return;
  }
  if (options.json === true) print(JSON.stringify({ format: 'queuelab/grade@1', exercise: scenario.title, ...result }));
  else printGrade(result, file, sets);
  const isCut = [result.shown, ...result.hidden].some(({ ending }) => ending !== 'duration');
  process.exitCode = result.won ? STATUS.holds : isCut ? STATUS.limit : STATUS.fails;
}

function exportCommand(file: string, options: ExportOptions): void {
  const format = String(options.format ?? '');
  if (!FORMATS.includes(format))
    throw new UsageError(
      `export wants --format with one of ${FORMATS.join(', ')}${format === '' ? '.' : `, not "${format}".`}`,
    );
  const text = readText(file);
  const isTrace = isTraceText(text);
  if (isTrace && (options.seed !== undefined || options.set !== undefined || options.under !== undefined))
    throw new UsageError(`${file} is a trace, which is not run again: --seed, --set and --under are for scenarios.`);
  if (format === 'yaml' && (options.from !== undefined || options.to !== undefined))
    throw new UsageError('--from and --to cut a run out; --format yaml writes the scenario, which is whole.');
  keepApart('--out', options.out, file);
  if (format === 'yaml') {
    const about = isTrace ? (exportedTrace(file, text)?.about ?? null) : exportedScenario(file, options);
    if (about !== null) write(options, scenarioLines(about));
    return;
  }
  const what = isTrace ? exportedTrace(file, text) : exportedRun(file, options);
  if (what === null) return;
  const fromUs = unless(timeOf('--from', options.from, 0));
  const toUs = unless(timeOf('--to', options.to, Math.max(what.trace.endedAtUs, fromUs)));
  if (toUs < fromUs) throw new UsageError(`--from ${options.from ?? 0} is later than --to ${options.to}.`);
  write(options, EXPORTS[format as ExportFormat].lines({ ...what, stretch: { fromUs, toUs } }));
}

function write({ out }: ExportOptions, lines: Iterable<string>): void {
  if (out !== undefined) writeLines(out, lines);
  else printLines(lines);
}

type ExportedRun = Omit<Exported, 'stretch'>;

/** Reads a scenario, one in neutral words for the broker that was asked for, else for all that it names; null when it cannot be run, which has been said. */
function exportedScenario(file: string, options: ExportOptions): TraceAbout | null {
  const under = oneUnder(options, 'export');
  const parsed = read(file, options, under);
  return parsed === null ? null : { ...aboutOf(file, parsed, options), under: under ?? null };
}

/** Runs a scenario; null when it cannot be run, which has been said. */
function exportedRun(file: string, options: ExportOptions): ExportedRun | null {
  const parsed = readOne(file, options, 'export');
  if (parsed === null) return null;
  const { trace, ending } = simulate(parsed.scenario, options);
  if (ending !== 'duration') {
    complain(cutShort(ending).replace(/^T/, 't'));
    process.exitCode = STATUS.limit;
  }
  return { trace, scenario: parsed.scenario, about: aboutOf(file, parsed, options) };
}

/** Reads a trace with the scenario that it holds. */
function exportedTrace(file: string, text: string): ExportedRun | null {
  const reader = new TraceReader();
  for (const line of text.split('\n')) {
    const error = reader.line(line);
    if (error !== '') throw new UsageError(`${file}: ${error}.`);
  }
  const error = reader.end();
  if (error !== '') throw new UsageError(`${file}: ${error}.`);
  const { scenario: source = '', under = null, title = '', seed = '' } = reader.header ?? {};
  if (source === '')
    throw new UsageError(`${file} does not hold its scenario; write it again with \`queuelab run FILE --trace\`.`);
  const { scenario, diagnostics } = parseScenario(source, { file, ...(under === null ? {} : { under }) });
  if (!accept(scenario, diagnostics)) return null;
  return { trace: reader.trace, scenario, about: { title, seed, scenario: source, under } };
}

/** The value, unless it is a complaint. */
function unless(time: Micros | string): Micros {
  if (typeof time === 'string') throw new UsageError(time);
  return time;
}

async function openCommand(file: string | undefined, options: OpenOptions): Promise<void> {
  const problem = await openPage(file ?? null, options, print);
  if (problem === '') return;
  complain(problem);
  process.exitCode = STATUS.badInput;
}

function conformCommand(paths: readonly string[], options: CommonOptions): void {
  const files = readCases(paths);
  if (typeof files === 'string') throw new UsageError(files);
  const report = conform(files);
  if (options.json === true) print(JSON.stringify({ format: 'queuelab/conform@1', systems: report }));
  else for (const line of conformLines(report, readDeviations(DEVIATIONS_FILE))) print(line);
  process.exitCode = conforms(report) ? STATUS.holds : STATUS.fails;
}

// ── Files and runs ──────────────────────────────────────────────────────────────────────────────────────────────

function load(file: string, options: CommonOptions): Scenario | null {
  return readOne(file, options, 'why')?.scenario ?? null;
}

/** Reads a file for a command that is about one run, which of several brokers is not chosen in silence. */
function readOne(file: string, options: CommonOptions, command: string): (Parsed & { scenario: Scenario }) | null {
  const under = oneUnder(options, command);
  const parsed = read(file, options, under);
  const lanes = parsed?.under?.lanes ?? [];
  if (under === undefined && lanes.length > 1) throw new UsageError(ofOneRun(`${command} is`, lanes));
  return parsed;
}

/** Reads a file, one in neutral words for the profile that is given; null when it cannot be run, which has been said. */
function read(
  file: string,
  options: CommonOptions,
  under: string | undefined,
): (Parsed & { scenario: Scenario }) | null {
  const sets = setsOf(options);
  const parsed = parseScenario(readScenarioText(file), { file, sets, ...(under === undefined ? {} : { under }) });
  const { scenario, diagnostics } = parsed;
  return accept(scenario, diagnostics) ? { ...parsed, scenario } : null;
}

/** What a trace says of its run. */
function aboutOf(file: string, parsed: Parsed & { scenario: Scenario }, options: CommonOptions): TraceAbout {
  const { scenario, under } = parsed;
  const { text } = setInText(readText(file), setsOf(options));
  return { title: scenario.title, seed: seedOf(scenario, options), scenario: text, under: under?.profile.name ?? null };
}

/** Names of profiles that were asked for, each once. */
function underOf({ under }: CommonOptions): readonly string[] {
  if (under === undefined) return [];
  const names = new Set(under.split(',').map((name) => name.trim()));
  names.delete('');
  if (names.size === 0) throw new UsageError(`--under names no broker: "${under}".`);
  return [...names];
}

/** The profile that was asked for, by a command that is about one run. */
function oneUnder(options: CommonOptions, command: string): string | undefined {
  const names = underOf(options);
  if (names.length > 1) throw new UsageError(ofOneRun(`${command} is`, names));
  return names[0];
}

function ofOneRun(what: string, names: readonly string[]): string {
  return `${what} of one run: choose a broker, such as --under ${names[0]}.`;
}

/** Prints what is wrong or doubtful; false when the scenario cannot be run. */
function accept(scenario: Scenario | null, diagnostics: readonly Diagnostic[]): scenario is Scenario {
  if (diagnostics.length > 0) process.stderr.write(`${visible(renderDiagnostics(diagnostics))}\n`);
  if (scenario === null) process.exitCode = STATUS.badInput;
  return scenario !== null;
}

function simulate(scenario: Scenario, options: CommonOptions): Run {
  const untilUs = untilOf(options);
  const world = new World(scenario, { seed: seedOf(scenario, options), ...(untilUs === null ? {} : { untilUs }) });
  const live = process.stderr.isTTY === true && options.json !== true;
  let shown = false;
  while (world.step(EVENTS_A_SLICE)) {
    if (!live) continue;
    shown = true;
    const percent = Math.floor((100 * world.now) / world.untilUs);
    const told = `${clockTime(world.now)} of ${clockTime(world.untilUs)} (${percent} %), ${world.trace.count} facts`;
    // A line that is broken by the terminal's edge could not be written over.
    process.stderr.write(`\r${told.slice(0, (process.stderr.columns ?? 80) - 1)}`);
  }
  if (shown) process.stderr.write('\r\x1b[K');
  return { scenario, trace: world.trace, ending: world.ending ?? 'duration' };
}

function readText(file: string): string {
  const text = readBytes(file).toString('utf8');
  if (text.includes('\0'))
    throw new UsageError(`${file} is no text in UTF-8, so it is neither a scenario nor a trace.`);
  return text;
}

/** A scenario may begin with a brace as well, as JSON does. */
function isTraceText(text: string): boolean {
  return text.startsWith('{"format":"queuelab/trace@');
}

/** A scenario's text. */
function readScenarioText(file: string): string {
  const text = readText(file);
  if (!isTraceText(text)) return text;
  throw new UsageError(
    `${file} is a trace, which has been run already: \`queuelab open\` shows it, \`queuelab export\` writes it in another format.`,
  );
}

function readBytes(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new UsageError(`there is no file ${file}; the library is in scenarios/.`);
    if (code === 'EISDIR') throw new UsageError(`${file} is a folder; name one scenario file in it.`);
    throw new UsageError(`${file} cannot be read (${code ?? 'unknown reason'}).`);
  }
}

function printLines(lines: Iterable<string>): void {
  let block = '';
  for (const line of lines) {
    block += `${line}\n`;
    if (block.length < 100_000) continue;
    process.stdout.write(block);
    block = '';
  }
  process.stdout.write(block);
}

/** Refuses to write over the file that is read, also by another of its names. */
function keepApart(option: string, target: string | undefined, file: string): void {
  const [there, here] = [target ?? '', file].map((name) => statSync(name, { throwIfNoEntry: false }));
  if (target === undefined || there?.isFile() !== true || there.ino !== here?.ino || there.dev !== here.dev) return;
  throw new UsageError(
    `${option} names the file that is read, ${target}, and would write over it; give it another name.`,
  );
}

function writeLines(file: string, lines: Iterable<string>): void {
  try {
    const out = openSync(file, 'w');
    let block = '';
    for (const line of lines) {
      block += `${line}\n`;
      if (block.length > 1_000_000) {
        writeFileSync(out, block);
        block = '';
      }
    }
    writeFileSync(out, block);
    closeSync(out);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    const why = code === 'ENOENT' ? 'its folder does not exist' : code === 'EISDIR' ? 'it is a folder' : code;
    throw new UsageError(`${file} cannot be written: ${why}.`);
  }
}

/** What makes the same run again: the file, and the seed and settings that were given. */
function runArguments(file: string, options: CommonOptions): string {
  const seed = options.seed === undefined ? '' : ` --seed ${quoted(options.seed)}`;
  const under = options.under === undefined ? '' : ` --under ${quoted(options.under)}`;
  return `${quoted(file)}${seed}${under}${setArguments(setsOf(options))}`;
}

function setArguments(sets: readonly string[]): string {
  return sets.map((set) => ` --set ${quoted(set)}`).join('');
}

function setsOf({ set }: CommonOptions): string[] {
  return set === undefined ? [] : [set].flat();
}

function seedOf(scenario: Scenario, { seed }: CommonOptions): string {
  return seed ?? scenario.seed;
}

function untilOf({ until }: CommonOptions): Micros | null {
  if (until === undefined) return null;
  const us = parseDuration(until);
  if (us === null || us <= 0) throw new UsageError(`--until wants a time such as 30s or 2m, not "${until}".`);
  return us;
}

// ── Printing ────────────────────────────────────────────────────────────────────────────────────────────────────

function printReport(result: RunReport, args: string): void {
  const { messages } = result;
  print(pc.bold(result.scenario));
  print(
    `${result.broker}, seed ${result.seed}, ${formatDuration(result.endedAtUs)} of virtual time, ${result.facts} facts, digest ${result.digest}`,
  );
  if (result.ending !== 'duration') print(pc.yellow(cutShort(result.ending)));
  const counts = [
    `${messages.sent} sent`,
    `${messages.confirmed} confirmed`,
    `${messages.delivered} deliveries`,
    `${messages.effects} effects`,
    `${messages.settled} settled`,
    `${messages.deadLettered} dead-lettered`,
    `${messages.dropped} dropped`,
    `${messages.lost} lost`,
    `${messages.duplicateEffects} applied twice`,
  ];
  print(counts.join(', '));
  if (result.claims.length > 0) print('');
  for (const { claim, scope, verdict, stated, agrees, sentence, witness } of result.claims) {
    const name = scope === '' ? claim : `${claim} (${scope})`;
    const expected = agrees ? (stated === 'holds' ? '' : ', as stated') : `, but the scenario states: ${stated}`;
    print(`${mark(agrees)} ${name}: ${verdict}${expected}`);
    print(pc.dim(`    ${sentence}${witness.length > 0 ? ` [facts ${witness.join(', ')}]` : ''}`));
  }
  for (const { text, holds, actual } of result.expect) print(`${mark(holds)} ${text}${holds ? '' : `: ${actual}`}`);
  for (const { name, atUs } of result.alerts) print(`${pc.yellow('!')} alert ${name}: raised at ${clockTime(atUs)}`);
  for (const name of result.notExercised) print(`${mark(false)} exercised: this run has no fact "${name}"`);
  const witness = result.claims
    .find(({ verdict, witness: facts }) => verdict === 'violated' && facts.length > 0)
    ?.witness.at(-1);
  if (witness !== undefined) print(pc.dim(`\nqueuelab why ${args} ${witness}   tells how it came to that`));
}

function printGrade(result: Grade, file: string, sets: readonly string[]): void {
  for (const { text, expect, holds, actual } of result.goals) {
    print(`${mark(holds)} ${text}`);
    if (!holds) print(pc.dim(`    wanted ${expect}; came out: ${actual}`));
  }
  if (result.shown.ending !== 'duration') print(pc.yellow(cutShort(result.shown.ending)));
  if (result.reason !== '') print(result.reason);
  const won = result.hidden.filter(({ holds }) => holds).length;
  print(`hidden seeds: ${won} of ${result.hidden.length}`);
  const failing = result.hidden.find(({ holds }) => !holds);
  if (failing !== undefined) {
    const { seed, firstFailure, ending } = failing;
    const what = firstFailure === null ? cutShort(ending) : `${firstFailure.goal} fails at fact ${firstFailure.fact}`;
    print(pc.dim(`seed ${seed}: ${what}`));
    print(pc.dim(`queuelab run ${quoted(file)}${setArguments(sets)} --seed ${quoted(failing.seed)} --log   shows it`));
  }
  print(result.won ? pc.green('solved') : pc.yellow('not solved yet'));
}

function mark(good: boolean): string {
  return good ? pc.green('✓') : pc.red('✗');
}

function print(line: string): void {
  process.stdout.write(`${visible(line)}\n`);
}

export function complain(message: string): void {
  process.stderr.write(`queuelab: ${visible(message)}\n`);
}
