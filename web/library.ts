/** The library of scenarios, bundled as text: by name (`delivery/worker-crash`), grouped by the folder that is its lesson. */

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

/** The lessons in the order in which they are taken; what is not named here comes before the exercises. */
const LESSONS = ['why-queues', 'delivery', 'poison', 'ordering', 'routing', 'kafka-log', 'replication', 'scaling'];

export const LIBRARY: readonly LibraryFile[] = Object.entries(FILES)
  .map(([path, text]) => {
    const [name = '', lesson = ''] = path
      .replace(/\.yaml$/, '')
      .split('/')
      .reverse();
    return { name, lesson, text };
  })
  .sort((a, b) => rank(a.lesson) - rank(b.lesson));

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

function rank(lesson: string): number {
  if (lesson === 'exercises') return LESSONS.length + 1;
  const at = LESSONS.indexOf(lesson);
  return at < 0 ? LESSONS.length : at;
}
