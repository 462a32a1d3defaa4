/** Measured numbers, each beside the one that is wanted, as the benchmarks print them. They judge nothing: whoever reads them does. */
import { availableParallelism } from 'node:os';

/** One measured number. `wanted` is what it is held against, as text; `met` is null where nothing is wanted. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly wanted: string;
  readonly met: boolean | null;
}

export function figure(name: string, value: number, unit: string): Figure {
  return { name, value: rounded(value), unit, wanted: '', met: null };
}

export function atMost(name: string, value: number, bound: number, unit: string): Figure {
  return { name, value: rounded(value), unit, wanted: `≤ ${bound}`, met: rounded(value) <= bound };
}

export function atLeast(name: string, value: number, bound: number): Figure {
  return { name, value: rounded(value), unit: '', wanted: `≥ ${bound}`, met: rounded(value) >= bound };
}

/** What is expected of theory, met within a share of it. */
export function about(name: string, value: number, expected: number, tolerance: number): Figure {
  const met = Math.abs(value - expected) <= tolerance * expected;
  return { name: `outcome: ${name}`, value, unit: '', wanted: `about ${Math.round(expected)}`, met };
}

/** Which sections the command line names (all when it names none), how many rounds it wants, and whether as JSON. */
export function benchArguments<S extends string>(
  sections: readonly S[],
  rounds: number,
): { readonly chosen: readonly S[]; readonly rounds: number; readonly json: boolean } {
  const args = process.argv.slice(2);
  const named = sections.filter((section) => args.includes(section));
  return {
    chosen: named.length > 0 ? named : sections,
    rounds: Math.max(1, Number(args[args.indexOf('--rounds') + 1]) || rounds),
    json: args.includes('--json'),
  };
}

/** Prints the figures of each section as it is measured, or all of them as one JSON object at the end. */
export async function printFigures<S extends string>(
  sections: readonly S[],
  { chosen, rounds, json }: ReturnType<typeof benchArguments<S>>,
  measure: (section: S) => Promise<readonly Figure[]> | readonly Figure[],
): Promise<void> {
  const figures: Figure[] = [];
  for (const section of sections.filter((one) => chosen.includes(one))) {
    const found = await measure(section);
    figures.push(...found);
    if (!json) for (const one of found) console.log(lineOf(one));
  }
  if (!json) return;
  const machine = { node: process.version, cores: availableParallelism(), platform: process.platform };
  console.log(JSON.stringify({ format: 'queuelab/bench@1', machine, rounds, figures }));
}

/** Three digits behind the point where the number is small, none where it is large. */
function rounded(value: number): number {
  return Math.abs(value) >= 1000 ? Math.round(value) : Math.round(value * 1000) / 1000;
}

function lineOf({ name, value, unit, wanted, met }: Figure): string {
  const text = `${name.padEnd(62)} ${String(value).padStart(10)} ${unit.padEnd(3)}`;
  return met === null ? text.trimEnd() : `${text} ${wanted.padEnd(14)} ${met ? 'met' : 'MISSED'}`;
}
