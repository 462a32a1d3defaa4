/** The files of the library, in a fixed order. */
import { readdirSync, readFileSync } from 'node:fs';

const ROOT = 'scenarios';

export interface LibraryFile {
  /** From the repository's root, such as `scenarios/poison/with-dlq.yaml`. */
  readonly path: string;
  readonly lesson: string;
  readonly text: string;
}

export function libraryFiles(): readonly LibraryFile[] {
  const folders = readdirSync(ROOT, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders
    .flatMap(({ name: lesson }) =>
      readdirSync(`${ROOT}/${lesson}`)
        .filter((file) => file.endsWith('.yaml'))
        .map((file) => {
          const path = `${ROOT}/${lesson}/${file}`;
          return { path, lesson, text: readFileSync(path, 'utf8') };
        }),
    )
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}
