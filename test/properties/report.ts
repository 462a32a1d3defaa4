/**
 * Runs a law over many generated systems and says of the first that breaks it what a person needs: the smallest scenario found, the seed, and the
 * command and the link that show it. The scenario is also left as a file.
 */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { writeAddress } from '../../web/address.ts';
import { type Document, yamlOf } from './document.ts';
import type { Broken } from './laws.ts';

export interface Search {
  readonly runs: number;
  /** fast-check's seed. */
  readonly seed: number;
  /** Called before each run, those of shrinking too. */
  readonly onRun?: () => void;
}

/** What broke, as text for people; '' when the law held in all runs. */
export function breachOf(
  systems: fc.Arbitrary<Document>,
  law: (yaml: string) => Broken | null,
  { runs, seed, onRun }: Search,
): string {
  const property = fc.property(systems, (document) => {
    onRun?.();
    return judged(law, yamlOf(document)) === null;
  });
  const details = fc.check(property, { numRuns: runs, seed });
  if (!details.failed) return '';
  const [document] = details.counterexample ?? [];
  if (document === undefined) return `fast-check failed without a counterexample: ${String(details.errorInstance)}`;
  return report(document, judged(law, yamlOf(document)), seed, details.counterexamplePath ?? '');
}

/** A throw, be it of a machine or of a check, breaks every law. */
function judged(law: (yaml: string) => Broken | null, yaml: string): Broken | null {
  try {
    return law(yaml);
  } catch (thrown) {
    const stack = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    return { law: 'nothing throws', sentence: stack.split('\n').slice(0, 6).join('\n') };
  }
}

function report(document: Document, broken: Broken | null, seed: number, path: string): string {
  const yaml = yamlOf(document);
  const file = join(mkdtempSync(join(tmpdir(), 'queuelab-props-')), 'counterexample.yaml');
  writeFileSync(file, yaml);
  const runSeed = String(document['seed'] ?? '1');
  const link = writeAddress({ scenario: '', yaml, seed: runSeed, sets: [], timeUs: null });
  return [
    `${broken?.law ?? 'unknown law'}: ${broken?.sentence ?? ''}`,
    '',
    yaml,
    `fast-check: seed ${seed}, path ${path}`,
    `replay:     npx queuelab run ${file} --seed ${runSeed} --log`,
    `link:       ${link}`,
  ].join('\n');
}
