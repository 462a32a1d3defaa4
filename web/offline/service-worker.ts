/**
 * Lets the app be opened without a network after it has been opened once. At the first visit all of its files are kept under a name made from their contents. What has a
 * hash in its name is then taken from there; the pages themselves are asked of the network first, so that a new version is seen as soon as there is one, and kept ones are
 * shown when the network does not answer. A new version is kept beside the old one, whose files stay until no page uses them any more.
 */

/** Put here by the build: what to keep, by address relative to this script, and a name for all of it. */
const FILES: readonly string[] = JSON.parse('__QUEUELAB_FILES__');
const CONTENTS = '__QUEUELAB_CONTENTS__';

/** So long the network may take to answer for a page, ms. */
const PATIENCE_MS = 4_000;

const worker = self as unknown as ServiceWorkerGlobalScope;
/** Several copies of the app may stand in folders of one host, and share its caches. */
const OURS = `queuelab ${worker.registration.scope} `;
const CACHE = `${OURS}${CONTENTS}`;
const KEPT: ReadonlySet<string> = new Set(FILES.map((file) => new URL(file, worker.registration.scope).href));

worker.addEventListener('install', (event) => {
  event.waitUntil(keepAll());
});

worker.addEventListener('activate', (event) => {
  event.waitUntil(dropOld().then(() => worker.clients.claim()));
});

worker.addEventListener('fetch', (event) => {
  const { request } = event;
  if (request.method !== 'GET') return;
  const url = new URL(request.url);
  url.hash = '';
  url.search = '';
  if (url.href === worker.registration.scope) url.href = new URL('index.html', worker.registration.scope).href;
  if (!KEPT.has(url.href)) return;
  event.respondWith(request.mode === 'navigate' ? networkFirst(request, url.href) : keptFirst(request, url.href));
});

async function keepAll(): Promise<void> {
  const cache = await caches.open(CACHE);
  // A page has the same name in every version, so that the browser's own cache may hold an old one.
  await cache.addAll(FILES.map((file) => new Request(file, file.endsWith('.html') ? { cache: 'reload' } : {})));
}

async function dropOld(): Promise<void> {
  for (const name of await caches.keys()) if (name.startsWith(OURS) && name !== CACHE) await caches.delete(name);
}

async function keptFirst(request: Request, address: string): Promise<Response> {
  return (await kept(address)) ?? fetch(request);
}

async function networkFirst(request: Request, address: string): Promise<Response> {
  try {
    return await fetch(request.url, { signal: AbortSignal.timeout(PATIENCE_MS), redirect: 'manual' });
  } catch {
    return (await kept(address)) ?? Response.error();
  }
}

async function kept(address: string): Promise<Response | undefined> {
  return (await caches.open(CACHE)).match(address);
}
