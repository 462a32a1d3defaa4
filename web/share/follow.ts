/** Follows the file that `queuelab open` serves beside the page: it is fetched as soon as the server can tell of its changes, and whenever it does. */
import { type OpenedFile, readFile } from './files.ts';

/** As in the server. */
const FILE = './queuelab-open/file';
const EVENTS = './queuelab-open/events';

const NO_FILE: OpenedFile = {
  type: 'refused',
  problem: 'There is no local file here to follow. Start `queuelab open FILE` and open the address that it prints.',
};
const ENDED: OpenedFile = {
  type: 'refused',
  problem: '`queuelab open` has ended, so the file is no longer followed.',
};

export interface Followed {
  stop(): void;
}

/** `hear` hears what the file holds, each time anew; also when it cannot be had. */
export function follow(hear: (opened: OpenedFile) => void): Followed {
  let isStopped = false;
  const tell = (opened: OpenedFile): void => {
    if (!isStopped) hear(opened);
  };
  const load = async (): Promise<boolean> => {
    try {
      const answer = await fetch(FILE, { cache: 'no-store' });
      if (answer.status === 410) tell({ type: 'refused', problem: 'The file is gone. The last run of it stays.' });
      // A host of static files may answer with its own page whatever it is asked for.
      if (!answer.ok || !answer.headers.has('x-file-name')) return false;
      const name = decodeURIComponent(answer.headers.get('x-file-name') ?? 'scenario.yaml');
      tell(await readFile([new File([await answer.blob()], name)]));
      return true;
    } catch {
      return false;
    }
  };
  // The file is read when the server tells of its changes, so that none is missed in between.
  const events = new EventSource(EVENTS);
  let isHeard = false;
  events.addEventListener('open', () => {
    isHeard = true;
    void load().then((isThere) => {
      if (!isThere) tell(NO_FILE);
    });
  });
  events.addEventListener('changed', () => void load());
  events.addEventListener('error', () => {
    events.close();
    tell(isHeard ? ENDED : NO_FILE);
  });
  return {
    stop: () => {
      isStopped = true;
      events.close();
    },
  };
}
