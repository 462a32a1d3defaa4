/**
 * The built page on this machine, and beside it one local file that it follows. Only for this machine: it listens on 127.0.0.1, answers nobody who came by another name (a page
 * from elsewhere whose name was pointed here), takes GET alone, and serves nothing but the files that were built and the one file that was named.
 */
import { createReadStream, existsSync, readdirSync, readFileSync, unwatchFile, watchFile } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, extname, join, relative } from 'node:path';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
  '.yaml': 'text/plain; charset=utf-8',
};
/** As in the page. */
const LOCAL = '/queuelab-open/';
const FIRST_PORT = 4173;
const PORTS_TRIED = 100;
/** Between two looks at the file. */
const LOOK_MS = 250;

export interface Served {
  /** Ends with a slash. */
  readonly url: string;
  close(): Promise<void>;
}

/** `root`: the folder of the built page. `file` is followed; null for none. `port` 0 is any. Rejects when it cannot listen. */
export async function serve(root: string, file: string | null, port: number | null): Promise<Served> {
  const pages = filesIn(root);
  const listeners = new Set<ServerResponse>();
  const server = createServer((request, response) => answer(request, response, root, pages, file, listeners));
  const tell = (): void => {
    for (const listener of listeners) listener.write('event: changed\ndata:\n\n');
  };
  if (file !== null) watchFile(file, { interval: LOOK_MS }, tell);
  await (port === null ? listenSomewhere(server) : listen(server, port));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: () => {
      if (file !== null) unwatchFile(file, tell);
      for (const listener of listeners) listener.end();
      return new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  root: string,
  pages: ReadonlySet<string>,
  file: string | null,
  listeners: Set<ServerResponse>,
): void {
  const refuse = (status: number, why: string): void => {
    response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${why}\n`);
  };
  response.setHeader('x-content-type-options', 'nosniff');
  response.setHeader('cross-origin-resource-policy', 'same-origin');
  if (!/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(request.headers.host ?? ''))
    return refuse(403, 'This page is for its own machine only.');
  if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(405, 'Only GET is answered.');
  const path = (request.url ?? '/').split('?')[0] ?? '/';
  if (file !== null && path === `${LOCAL}file`) return sendFile(response, file, refuse);
  if (file !== null && path === `${LOCAL}events`) {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write(':\n\n');
    listeners.add(response);
    request.on('close', () => listeners.delete(response));
    return;
  }
  const wanted = path.endsWith('/') ? `${path}index.html` : path;
  // Only what was found in the folder has a name here, so no path leads out of it.
  if (!pages.has(wanted)) return refuse(404, 'There is no such page.');
  response.writeHead(200, {
    'content-type': TYPES[extname(wanted)] ?? 'application/octet-stream',
    'cache-control': 'no-cache',
  });
  createReadStream(join(root, wanted))
    .on('error', () => response.destroy())
    .pipe(response);
}

function sendFile(response: ServerResponse, file: string, refuse: (status: number, why: string) => void): void {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch {
    return refuse(410, 'The file is gone.');
  }
  response
    .writeHead(200, {
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'no-store',
      'x-file-name': encodeURIComponent(basename(file)),
    })
    .end(bytes);
}

/** Every file of a folder as a page's address has it, such as `/assets/index.js`. */
function filesIn(root: string): ReadonlySet<string> {
  if (!existsSync(root)) return new Set();
  const entries = readdirSync(root, { recursive: true, withFileTypes: true });
  return new Set(
    entries
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => `/${relative(root, join(parentPath, name)).replaceAll('\\', '/')}`),
  );
}

async function listenSomewhere(server: Server): Promise<void> {
  for (let port = FIRST_PORT; ; port++) {
    try {
      return await listen(server, port);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || port > FIRST_PORT + PORTS_TRIED) throw error;
    }
  }
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
}
