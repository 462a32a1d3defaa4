// A plain file server, as a page of somebody else has one: it serves a folder under any path, and pages that a test writes, and remembers what it was asked for.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.yaml': 'text/yaml',
  '.svg': 'image/svg+xml',
  '.webmanifest': 'application/manifest+json',
};

export interface StaticServer {
  /** Without a slash at its end. */
  readonly origin: string;
  /** Paths that were asked for, in order; those that were not found end with " 404". */
  readonly asked: readonly string[];
  close(): void;
}

export interface Served {
  /** A folder, and the path that it stands under, such as `/some/where/`. */
  readonly folder?: { readonly dir: string; readonly at: string };
  /** Pages and other texts by path. */
  readonly texts?: Readonly<Record<string, string>>;
  /** Sent with each answer. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Starts one on a free port. What it serves can be changed later by changing what it was given. */
export async function serve({ folder, texts = {}, headers = {} }: Served): Promise<StaticServer> {
  const asked: string[] = [];
  const bodyOf = (path: string): Buffer | string | undefined => {
    const text = texts[path];
    if (text !== undefined) return text;
    if (folder === undefined || !path.startsWith(folder.at)) return undefined;
    const name = normalize(path.slice(folder.at.length) || 'index.html');
    if (name.startsWith('..')) return undefined;
    try {
      return readFileSync(join(folder.dir, name));
    } catch {
      return undefined;
    }
  };
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const body = bodyOf(pathname);
    asked.push(body === undefined ? `${pathname} 404` : pathname);
    const type = TYPES[extname(pathname) || '.html'] ?? 'application/octet-stream';
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': type, ...headers });
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the file server has no port');
  return {
    origin: `http://127.0.0.1:${address.port}`,
    asked,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
