/** The texts of the library's scenarios, each a file beside the script that is fetched when a player names it. */
import { nearest } from '../../sim/scenario/nearest.ts';

const FILES = import.meta.glob<string>('../../scenarios/**/*.yaml', {
  query: '?raw',
  import: 'default',
});

const PATHS: ReadonlyMap<string, string> = new Map(
  Object.keys(FILES).flatMap((path) => {
    const [, lesson = '', name = ''] = /([^/]+)\/([^/]+)\.yaml$/.exec(path) ?? [];
    return [
      [name, path],
      [`${lesson}/${name}`, path],
    ] as const;
  }),
);

/** A text can be so long, in characters; the parser takes no longer ones. */
const LONGEST = 2_000_000;

export interface Found {
  /** Name in the library; '' for a text from elsewhere. */
  readonly name: string;
  readonly text: string;
  /** Why there is none, for people; '' when there is one. */
  readonly problem: string;
}

/** The text that a player's `scenario` names: one of the library's, or the address of a file. Never rejects. */
export async function find(wanted: string): Promise<Found> {
  const path = PATHS.get(wanted);
  if (path !== undefined) {
    const name = wanted.slice(wanted.lastIndexOf('/') + 1);
    try {
      return { name, text: (await FILES[path]?.()) ?? '', problem: '' };
    } catch {
      return none(`The scenario "${name}" could not be loaded from beside the player's script.`);
    }
  }
  if (/[/:]|\.ya?ml$/.test(wanted)) return fetchText(wanted);
  const like = nearest(wanted, [...PATHS.keys()]);
  return none(
    `The library has no scenario "${wanted.slice(0, 60)}".${like === null ? '' : ` Did you mean "${like}"?`}`,
  );
}

async function fetchText(address: string): Promise<Found> {
  const shown = address.length > 120 ? `${address.slice(0, 120)}…` : address;
  let url: URL;
  try {
    url = new URL(address, document.baseURI);
  } catch {
    return none(`"${shown}" is no address of a scenario.`);
  }
  try {
    const answer = await fetch(url);
    if (!answer.ok) return none(`The scenario ${shown} could not be loaded: the server answered ${answer.status}.`);
    const text = await answer.text();
    if (text.length > LONGEST) return none(`The file ${shown} is too long to be a scenario.`);
    return { name: '', text, problem: '' };
  } catch {
    return none(`The scenario ${shown} could not be loaded: its host cannot be reached, or does not allow this page.`);
  }
}

function none(problem: string): Found {
  return { name: '', text: '', problem };
}

/** A text without the indentation that all of its lines share, as one has it that stands inside HTML. */
export function dedent(text: string): string {
  const lines = text.split('\n').map((line) => line.replace(/^\t+/, (tabs) => '  '.repeat(tabs.length)));
  const depths = lines.filter((line) => line.trim() !== '').map((line) => line.length - line.trimStart().length);
  const depth = depths.length === 0 ? 0 : Math.min(...depths);
  return `${lines
    .map((line) => line.slice(depth).trimEnd())
    .join('\n')
    .trim()}\n`;
}
