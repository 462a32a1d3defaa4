/** What a link to the present moment says: the recipe of the run, where one is in it, and what is seen. */
import type { View, Written } from '../address.ts';
import type { Lab } from '../lab.svelte.ts';
import type { Panels } from '../panels.svelte.ts';

export function sharedOf(lab: Lab, panels: Panels): Written {
  const isOfLibrary = lab.name !== '' && lab.source === lab.original;
  const isWhole =
    !lab.running && lab.ending !== 'stopped' && !lab.diagnostics.some(({ severity }) => severity === 'error');
  return {
    scenario: isOfLibrary ? lab.name : '',
    yaml: isOfLibrary ? null : lab.source,
    seed: lab.seed,
    sets: lab.sets,
    lines: lab.changes,
    under: lab.under,
    timeUs: Math.floor(lab.timeUs),
    view: viewOf(lab, panels),
    marks: lab.bookmarks,
    digest: isWhole ? lab.digest : '',
  };
}

/** The scenario as it runs, to be kept: a seed that was chosen is written into it, too, unless it is all in braces. */
export function textToKeep({ text, seed, scenario }: Pick<Lab, 'text' | 'seed' | 'scenario'>): string {
  if (seed === null || seed === scenario?.seed || text.trimStart().startsWith('{')) return text;
  const line = `seed: ${JSON.stringify(seed)}`;
  const own = /^seed[ \t]*:.*$/m;
  if (own.test(text)) return text.replace(own, () => line);
  return `${text.replace(/\n*$/, '\n')}${line}\n`;
}

function viewOf(lab: Lab, panels: Panels): View {
  const { run, message, inspected } = lab;
  const made = run === null || message === 0 ? null : run.trace.message(message);
  const things = inspected?.type === 'actor' ? run?.trace.actors : run?.trace.places;
  const thing = inspected === null ? undefined : things?.[inspected.id];
  return {
    tab: panels.tab === 'Log' ? '' : panels.tab,
    wide: panels.wide,
    zoom: panels.stageScale,
    message:
      run === null || made === null ? null : { producer: run.trace.actorName(made.producer), sequence: made.sequence },
    thing:
      inspected === null || thing === undefined ? null : { type: inspected.type, kind: thing.kind, name: thing.name },
  };
}

/** Name of a file without what file systems do not like. */
export function fileName(lab: Lab, ending: string): string {
  const name = lab.name === '' ? (lab.scenario?.title ?? 'scenario') : lab.name;
  const tame = name
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 60);
  return `${tame === '' ? 'scenario' : tame}.${ending}`;
}
