/** Starts the workers of all players of a document, also where the script came from another host than the page. */
import workerUrl from '../worker.ts?worker&url';
import { Pool } from './pool.ts';

/** A line of code of this document's own origin that fetches the worker from another one; made when it is first needed. */
let line = '';

/**
 * A worker may only be started from the origin of the document. When the script came from another one, a line of code of this document's own origin imports the
 * worker from there, for which that host must allow it (CORS), as it does for the script itself.
 */
function startWorker(): Worker {
  const url = new URL(workerUrl, import.meta.url);
  if (url.origin === location.origin) return new Worker(url, { type: 'module' });
  if (line === '')
    line = URL.createObjectURL(new Blob([`import ${JSON.stringify(url.href)};`], { type: 'text/javascript' }));
  return new Worker(line, { type: 'module' });
}

export const pool = new Pool(startWorker);
