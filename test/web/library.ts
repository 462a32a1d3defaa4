// Scenarios of the library, read from their files.
import { readdirSync, readFileSync } from 'node:fs';
import { type Run, run } from '../../sim/world.ts';
import { scenarioOf } from '../sim/runs.ts';

const FILES = readdirSync('scenarios', { recursive: true, encoding: 'utf8' });

/** The text of the scenario with this name. */
export function libraryText(name: string): string {
  const file = FILES.find((path) => path.endsWith(`/${name}.yaml`));
  if (file === undefined) throw new Error(`there is no scenario ${name}`);
  return readFileSync(`scenarios/${file}`, 'utf8');
}

export function libraryRun(name: string): Run {
  return run(scenarioOf(libraryText(name)));
}
