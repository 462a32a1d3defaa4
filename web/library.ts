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

/** Lessons, and scenarios in them, in the order in which they are taken; what is not named here comes after those that are. */
const ORDER: Readonly<Record<string, readonly string[]>> = {
  'why-queues': ['photo-sync', 'photo-queue'],
  delivery: [
    'worker-crash',
    'visibility-too-short',
    'ack-lost',
    'ack-lost-dedup',
    'crash-after-effect-increment',
    'crash-after-effect-set',
  ],
  poison: ['without-dlq', 'with-dlq', 'dlq-replay'],
  ordering: ['accounts-unkeyed', 'accounts-keyed', 'rides-by-city', 'rides-by-ride'],
  routing: [],
  'kafka-log': ['offline-for-an-hour', 'replay-after-bug'],
  replication: ['leader-crash-acks-1', 'leader-crash-acks-all'],
  scaling: ['burst', 'outrun-no-limit', 'outrun-push-back', 'outrun-autoscale', 'seven-on-six'],
  exercises: [],
};

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

function rank({ lesson, name }: LibraryFile): number {
  const names = ORDER[lesson] ?? [];
  const lessonAt = Object.keys(ORDER).indexOf(lesson);
  const at = names.indexOf(name);
  return (lessonAt < 0 ? 99 : lessonAt) * 1000 + (at < 0 ? names.length : at);
}
