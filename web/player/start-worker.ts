/** Starts the workers of all players of a document, also where the script came from another host than the page, and where the page asks for trusted types. */
import workerUrl from '../worker.ts?worker&url';
import { Pool } from './pool.ts';

/** The part of the browser's trusted types that is used here; where there are none, an address is taken as it is. */
interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { createScriptURL: (address: string) => string },
  ): { createScriptURL(address: string): URL };
}

/** What a page that names the policies of its scripts has to name, beside Svelte's own. */
const POLICY = 'queuelab-worker';

/** The address to start workers from; made when it is first needed. */
let address: string | URL = '';

/**
 * A worker may only be started from the origin of the document. When the script came from another one, a line of code of this document's own origin imports the
 * worker from there, for which that host must allow it (CORS), as it does for the script itself.
 */
function addressOf(url: URL): string {
  if (url.origin === location.origin) return url.href;
  return URL.createObjectURL(new Blob([`import ${JSON.stringify(url.href)};`], { type: 'text/javascript' }));
}

/** The policy trusts this one address, which no scenario and no attribute has a part in. */
function trusted(own: string): string | URL {
  const types = (window as Window & { readonly trustedTypes?: TrustedTypes }).trustedTypes;
  if (types === undefined) return own;
  return types.createPolicy(POLICY, { createScriptURL: () => own }).createScriptURL('');
}

function startWorker(): Worker {
  if (address === '') address = trusted(addressOf(new URL(workerUrl, import.meta.url)));
  return new Worker(address, { type: 'module' });
}

export const pool = new Pool(startWorker);
