/**
 * Which runner a file needs, and what all cases came to. A file is a document of vectors (`cases`) or one recording (`script`, `observed`); its
 * system and kind choose the runner. What no runner understands, down to a single key, is unknown, and so is a whole system that is not
 * built: never passed, and never silently left out.
 */
import { Findings, isList, isTable, type Json, type JsonTable, type Runner, UnknownShape } from './case.ts';
import * as pubsub from './google-pubsub.ts';
import * as kafka from './kafka.ts';
import * as pulsar from './pulsar.ts';
import * as rabbitmq from './rabbitmq.ts';
import * as redisPubSub from './redis-pubsub.ts';
import * as redisStreams from './redis-streams.ts';
import * as sns from './sns.ts';
import * as sqs from './sqs.ts';

/** A file's name, to be shown, and what is in it. */
export interface ConformFile {
  readonly file: string;
  readonly content: Json;
}

/** One case that did not pass; texts are short enough to be read. */
export interface CaseFailure {
  readonly file: string;
  readonly id: string;
  readonly expected: string;
  readonly actual: string;
}

export interface UnknownCase {
  readonly file: string;
  readonly id: string;
  /** What the runner does not know. */
  readonly reason: string;
}

export interface SystemReport {
  passed: number;
  failed: number;
  unknown: number;
  readonly failures: CaseFailure[];
  readonly unknowns: UnknownCase[];
}

/** By system, in the order of the files. */
export type ConformReport = Readonly<Record<string, SystemReport>>;

/** Recordings name the software that was recorded; it speaks for this system. */
const SYSTEM_OF_SOFTWARE: Readonly<Record<string, string>> = { 'sqs-moto': 'sqs', 'kafka-client': 'kafka' };

const VECTORS: Readonly<Record<string, Runner>> = {
  'sqs script': sqs.runScript,
  'sqs limits': sqs.runLimits,
  'sns script': sns.runScript,
  'sns filter-match': sns.runFilter,
  'sns filter-policy-validation': sns.runValidation,
  'pulsar script': pulsar.runScript,
  'pulsar hash': pulsar.runHash,
  'pulsar key-ranges': pulsar.runKeyRanges,
  'pulsar backoff': pulsar.runBackoff,
  'rabbitmq script': rabbitmq.runScript,
  'rabbitmq topic-match': rabbitmq.runTopicMatch,
  'rabbitmq headers-match': rabbitmq.runHeadersMatch,
  'rabbitmq topic-binding-validation': rabbitmq.runBindingValidation,
  'google-pubsub script': pubsub.runScript,
  'google-pubsub filter-match': pubsub.runFilter,
  'redis-streams commands': redisStreams.runCommands,
  'redis-pubsub pubsub': redisPubSub.runPubSub,
  ...kafka.VECTORS,
};

const RECORDINGS: Readonly<Record<string, Runner>> = {
  sqs: sqs.runRecording,
  rabbitmq: rabbitmq.runRecording,
  kafka: kafka.runRecording,
  'redis-streams': redisStreams.runRecording,
  'redis-pubsub': redisPubSub.runRecording,
};

/** Runs every case of these files. */
export function conform(files: readonly ConformFile[]): ConformReport {
  const systems: Record<string, SystemReport> = {};
  for (const { file, content } of files) {
    const document = isTable(content) ? content : {};
    const system = systemOf(document);
    const report = systems[system] ?? { passed: 0, failed: 0, unknown: 0, failures: [], unknowns: [] };
    systems[system] = report;
    const { cases } = document;
    if (isList(cases)) {
      const runner = VECTORS[`${system} ${textOr(document['kind'] ?? document['area'], '')}`];
      cases.forEach((one, index) => {
        judge(report, file, isTable(one) ? one : {}, `case ${index}`, runner);
      });
    } else judge(report, file, document, file, Object.hasOwn(document, 'observed') ? RECORDINGS[system] : undefined);
  }
  return systems;
}

/** Whether every case was judged and passed: of one that is unknown nothing is shown. */
export function conforms(report: ConformReport): boolean {
  return Object.values(report).every(({ failed, unknown }) => failed === 0 && unknown === 0);
}

function systemOf(document: JsonTable): string {
  const named = textOr(document['system'] ?? document['broker'], 'unknown');
  return SYSTEM_OF_SOFTWARE[named] ?? named;
}

function judge(report: SystemReport, file: string, one: JsonTable, name: string, runner: Runner | undefined): void {
  const id = textOr(one['id'], name);
  const findings = new Findings();
  try {
    if (runner === undefined) throw new UnknownShape('no runner for this system and kind');
    runner(one, findings);
    if (findings.compared === 0) throw new UnknownShape('nothing that is expected can be compared');
  } catch (error) {
    if (error instanceof UnknownShape) {
      report.unknown += 1;
      report.unknowns.push({ file, id, reason: error.message });
      return;
    }
    // A machine that breaks down under a case does not conform to it.
    findings.holds('the machine', false, 'an answer', `a breakdown: ${(error as Error).message}`);
  }
  if (findings.differences.length === 0) {
    report.passed += 1;
    return;
  }
  report.failed += 1;
  const told = findings.differences.slice(0, TOLD);
  const more = findings.differences.length - told.length;
  const text = (side: 'expected' | 'actual') =>
    told.map((difference) => `${difference.where}: ${short(difference[side])}`).join('; ') +
    (more > 0 ? `; and ${more} more` : '');
  report.failures.push({ file, id, expected: text('expected'), actual: text('actual') });
}

/** So many differences of one case are told. */
const TOLD = 3;
const LONGEST = 300;

function short(value: Json): string {
  const text = JSON.stringify(value);
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST)}…`;
}

function textOr(value: Json | undefined, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise;
}
