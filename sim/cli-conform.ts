/**
 * The files and the printed report of `queuelab conform`: which JSON files lie under the given paths, what is in them, and how the outcome reads. The
 * cases themselves are run by `conform/`. Known deviations are only told beside the failures; they still count as failures.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import pc from 'picocolors';
import { parse } from 'yaml';
import { isList, isTable, type Json } from './conform/case.ts';
import type { ConformFile, ConformReport } from './conform/index.ts';

/** Why a case is not followed, by its id. */
export type Deviations = ReadonlyMap<string, string>;

/** Where the project's own list is, seen from its folder. */
export const DEVIATIONS_FILE = 'test/conformance/deviations.yaml';

/** Every JSON file under these paths, by name; or what is wrong with one of them, as a sentence. */
export function readCases(paths: readonly string[]): ConformFile[] | string {
  const files: ConformFile[] = [];
  for (const path of paths) {
    if (!existsSync(path)) return `there is no file or folder ${path}.`;
    const found = statSync(path).isDirectory() ? jsonFilesIn(path) : [path];
    if (found.length === 0) return `the folder ${path} has no JSON files.`;
    for (const file of found) {
      try {
        files.push({ file, content: JSON.parse(readFileSync(file, 'utf8')) as Json });
      } catch (error) {
        return `${file} is not JSON: ${(error as Error).message}`;
      }
    }
  }
  return files;
}

function jsonFilesIn(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return jsonFilesIn(path);
    return entry.name.endsWith('.json') ? [path] : [];
  });
}

/** The listed deviations, if the file is there: a list of `{outcome, cases, reason}`. */
export function readDeviations(file: string): Deviations {
  const reasons = new Map<string, string>();
  if (!existsSync(file)) return reasons;
  const rows = parse(readFileSync(file, 'utf8')) as Json;
  for (const row of isList(rows) ? rows : []) {
    if (!isTable(row) || !isList(row['cases'])) continue;
    for (const id of row['cases']) reasons.set(String(id), String(row['reason'] ?? ''));
  }
  return reasons;
}

/** The report for people: a table, then each failure with its difference, then what was not understood. */
export function conformLines(report: ConformReport, deviations: Deviations): string[] {
  const width = Math.max('system'.length, ...Object.keys(report).map((system) => system.length));
  const cells = (system: string, ...counts: readonly (string | number)[]) =>
    [system.padEnd(width), ...counts.map((count) => String(count).padStart(8))].join('');
  const lines = [pc.bold(cells('system', 'passed', 'failed', 'unknown'))];
  for (const [system, { passed, failed, unknown }] of Object.entries(report)) {
    const row = cells(system, passed, failed, unknown);
    lines.push(failed > 0 ? pc.red(row) : unknown > 0 ? pc.yellow(row) : row);
  }
  for (const { failures } of Object.values(report)) {
    for (const { file, id, expected, actual } of failures) {
      lines.push('', `${pc.red('✗')} ${id}  ${pc.dim(file)}`, `    expected  ${expected}`, `    actual    ${actual}`);
      const reason = deviations.get(id);
      if (reason !== undefined) lines.push(pc.dim(`    known     ${reason}`));
    }
  }
  for (const [system, { unknowns }] of Object.entries(report)) {
    if (unknowns.length === 0) continue;
    lines.push('', `${system}: ${unknowns.length} unknown`);
    for (const [reason, ids] of grouped(unknowns)) lines.push(`${pc.yellow('?')} ${reason}: ${ids.join(', ')}`);
  }
  return lines;
}

function grouped(unknowns: readonly { readonly id: string; readonly reason: string }[]): Map<string, string[]> {
  const ids = new Map<string, string[]>();
  for (const { id, reason } of unknowns) ids.set(reason, [...(ids.get(reason) ?? []), id]);
  return ids;
}
