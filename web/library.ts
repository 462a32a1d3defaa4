/**
 * The library of scenarios. Lessons, names and titles are in the page itself, made by `vite.config.ts` from the files; their texts come in a chunk of their own, after the
 * first paint, but for the one that is shown first.
 */
import INDEX from 'virtual:library';
import DEFAULT_TEXT from '../scenarios/why-queues/photo-queue.yaml?raw';
import type { About } from './picker/about.ts';

/** One of the library's files, known without its text. */
export interface LibraryName {
  /** Without folder and ending; unique in the library. */
  readonly name: string;
  readonly lesson: string;
  readonly title: string;
}

export interface LibraryFile extends LibraryName {
  readonly text: string;
}

export interface Lesson {
  /** Its folder. */
  readonly name: string;
  /** What it asks, as the library's README has it. */
  readonly question: string;
}

/** In the order in which they are taken. */
export const LESSONS: readonly Lesson[] = INDEX.lessons.map(([name, question]) => ({ name, question }));
export const LIBRARY: readonly LibraryName[] = INDEX.files.map(([lesson, name, title]) => ({ lesson, name, title }));

export const DEFAULT_SCENARIO = 'photo-queue';

export function findScenario(name: string): LibraryName | undefined {
  return LIBRARY.find((file) => file.name === name || `${file.lesson}/${file.name}` === name);
}

/** The text of a scenario; rejects when the texts cannot be loaded. */
export async function textOf({ lesson, name }: LibraryName): Promise<string> {
  if (name === DEFAULT_SCENARIO) return DEFAULT_TEXT;
  const { TEXTS } = await import('./library-texts.ts');
  return TEXTS[`../scenarios/${lesson}/${name}.yaml`] ?? '';
}

/** All scenarios with their texts, in order. */
export async function loadLibrary(): Promise<readonly LibraryFile[]> {
  return Promise.all(LIBRARY.map(async (file) => ({ ...file, text: await textOf(file) })));
}

/** What the picker tells of each, in order; rejects as the texts do. The texts are there then, too. */
export async function loadAbout(): Promise<readonly About[]> {
  const { ABOUT } = await import('./library-texts.ts');
  return ABOUT;
}

/** "kafka-log" as people read it. */
export function lessonTitle(lesson: string): string {
  return TITLES[lesson] ?? lesson.replaceAll('-', ' ');
}

const TITLES: Readonly<Record<string, string>> = {
  'why-queues': 'Why queues',
  delivery: 'Delivery',
  poison: 'Poison and dead letters',
  ordering: 'Ordering',
  routing: 'Routing',
  'which-broker': 'Which broker',
  'kafka-log': 'The log',
  replication: 'Replication',
  scaling: 'Load and scaling',
  exercises: 'Exercises',
};
