/** The library of scenarios, bundled as text: by name (`delivery/worker-crash`), grouped by the folder that is its lesson. */
import README from '../scenarios/README.md?raw';

const FILES: Readonly<Record<string, string>> = import.meta.glob('../scenarios/**/*.yaml', {
  query: '?raw',
  import: 'default',
  eager: true,
});

export interface LibraryFile {
  /** Without folder and ending; unique in the library. */
  readonly name: string;
  readonly lesson: string;
  readonly text: string;
}

export interface Lesson {
  /** Its folder. */
  readonly name: string;
  /** What it asks, as the library's README has it. */
  readonly question: string;
  /** Its scenarios, in the order in which they are taken. */
  readonly scenarios: readonly string[];
}

/** Lessons in order, read from the table of the library's README: rows such as "| `poison/` | What of …? | `with-dlq`, … |". */
export const LESSONS: readonly Lesson[] = [...README.matchAll(/^\| `([\w-]+)\/` \| (.+?) \| (.+?) \|$/gm)].map(
  ([, name = '', question = '', names = '']) => ({
    name,
    question,
    scenarios: [...names.matchAll(/`([\w-]+)`/g)].map(([, scenario = '']) => scenario),
  }),
);

export const LIBRARY: readonly LibraryFile[] = Object.entries(FILES)
  .map(([path, text]) => {
    const [name = '', lesson = ''] = path
      .replace(/\.yaml$/, '')
      .split('/')
      .reverse();
    return { name, lesson, text };
  })
  .sort((a, b) => rank(a) - rank(b));

export const DEFAULT_SCENARIO = 'photo-queue';

export function findScenario(name: string): LibraryFile | undefined {
  return LIBRARY.find((file) => file.name === name || `${file.lesson}/${file.name}` === name);
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
  'kafka-log': 'The log',
  replication: 'Replication',
  scaling: 'Load and scaling',
  exercises: 'Exercises',
};

/** What the table does not name comes last. */
function rank({ lesson, name }: LibraryFile): number {
  const lessonAt = LESSONS.findIndex((one) => one.name === lesson);
  const at = LESSONS[lessonAt]?.scenarios.indexOf(name) ?? -1;
  return (lessonAt < 0 ? 999 : lessonAt) * 1000 + (at < 0 ? 999 : at);
}
