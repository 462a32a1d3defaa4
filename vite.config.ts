import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type Plugin, runnerImport } from 'vite';
import { parse } from 'yaml';

// The web app. Its base is relative, so that the built folder works under any path, also from a plain file server.
// `root` hides a svelte.config file from the plugin; Svelte 5 needs none.
// In the built page nothing runs, and nothing is fetched, that did not come with it. (The development server injects styles, so it goes without.)
const policy: Plugin = {
  name: 'content-security-policy',
  apply: 'build',
  transformIndexHtml: () => [
    {
      tag: 'meta',
      injectTo: 'head-prepend',
      attrs: {
        'http-equiv': 'Content-Security-Policy',
        content:
          "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'",
      },
    },
  ],
};

// What the picker shows at once: lessons with their questions from the table of the library's README (rows such as "| `poison/` | What of …? | `with-dlq`, … |"),
// and all scenarios with their titles in that order; what the table does not name comes last. What else is told of them, and their texts, are loaded later.
// (What is made by the app's own sources takes these when it comes to it: others who read this file, such as the type check, need none of them.)
const library: Plugin = {
  name: 'library',
  resolveId: (id) => (id === 'virtual:library' || id === 'virtual:library/about' ? `\0${id}` : null),
  async load(id) {
    if (id !== '\0virtual:library' && id !== '\0virtual:library/about') return null;
    const readme = readFileSync('scenarios/README.md', 'utf8');
    const rows = [...readme.matchAll(/^\| `([\w-]+)\/` \| (.+?) \| (.+?) \|$/gm)];
    const order = rows.flatMap(([, lesson, , names = '']) =>
      [...names.matchAll(/`([\w-]+)`/g)].map(([, name]) => `${lesson}/${name}`),
    );
    const rank = (lesson = '', name = ''): number => {
      const at = order.indexOf(`${lesson}/${name}`);
      return at < 0 ? order.length : at;
    };
    const found = readdirSync('scenarios', { recursive: true, encoding: 'utf8' })
      .map((path) => path.replaceAll('\\', '/'))
      .filter((path) => path.endsWith('.yaml'))
      .map((path) => {
        this.addWatchFile(`${process.cwd()}/scenarios/${path}`);
        const text = readFileSync(`scenarios/${path}`, 'utf8');
        const [lesson = '', name = ''] = path.replace(/\.yaml$/, '').split('/');
        return { lesson, name, text };
      })
      .sort((a, b) => rank(a.lesson, a.name) - rank(b.lesson, b.name));
    if (id.endsWith('/about')) {
      const { module } = await runnerImport<typeof import('./web/picker/about.ts')>('./web/picker/about.ts');
      return `export default ${JSON.stringify(found.map(({ text }) => module.aboutOf(text)))};`;
    }
    const files = found.map(({ lesson, name, text }) => {
      const { title = name } = parse(text) as { readonly title?: string };
      return [lesson, name, title];
    });
    const lessons = rows.map(([, lesson, question]) => [lesson, question]);
    return `export default ${JSON.stringify({ lessons, files })};`;
  },
};

// The runs that a newcomer, and everybody who comes again, sees first: made here, so that they are there before the simulator is.
let maker: Promise<typeof import('./web/first/record.ts')> | undefined;
const firstRuns: Plugin = {
  name: 'first-runs',
  resolveId: (id) => (id.startsWith('virtual:first-run/') ? `\0${id}` : null),
  async load(id) {
    const name = /^\0virtual:first-run\/(.+)$/.exec(id)?.[1];
    if (name === undefined) return null;
    const path = readdirSync('scenarios', { recursive: true, encoding: 'utf8' }).find((file) =>
      file.endsWith(`${name}.yaml`),
    );
    if (path === undefined) return this.error(`there is no scenario ${name}`);
    this.addWatchFile(`${process.cwd()}/scenarios/${path}`);
    const text = readFileSync(`scenarios/${path}`, 'utf8');
    maker ??= runnerImport<typeof import('./web/first/record.ts')>('./web/first/record.ts').then(
      ({ module }) => module,
    );
    return `export default ${JSON.stringify((await maker).firstRun(name, text))};`;
  },
};

// Tells the service worker what to keep: all that was built, under a name that changes when any of it does.
const offline: Plugin = {
  name: 'offline',
  enforce: 'post',
  apply: 'build',
  generateBundle: {
    order: 'post',
    handler(_, bundle) {
      const worker = bundle['service-worker.js'];
      if (worker?.type !== 'chunk') return this.error('there is no service worker');
      const hash = createHash('sha256');
      const files = Object.keys(bundle)
        .filter((name) => name !== worker.fileName)
        .sort();
      for (const name of files) {
        const file = bundle[name];
        hash.update(`${name}\n`).update(file === undefined ? '' : file.type === 'chunk' ? file.code : file.source);
      }
      worker.code = worker.code
        .replace('__QUEUELAB_FILES__', () => JSON.stringify(files))
        .replace('__QUEUELAB_CONTENTS__', hash.digest('hex').slice(0, 16));
    },
  },
};

export default defineConfig({
  root: 'web',
  base: './',
  plugins: [svelte({ configFile: false }), library, firstRuns, policy, offline],
  worker: { format: 'es' },
  build: {
    outDir: '../dist/web',
    emptyOutDir: true,
    target: 'es2023',
    rolldownOptions: {
      input: {
        index: 'web/index.html',
        embed: 'web/embed.html',
        'service-worker': 'web/offline/service-worker.ts',
      },
      output: {
        // Browsers look for a service worker at an address that stays.
        entryFileNames: ({ name }) => (name === 'service-worker' ? '[name].js' : 'assets/[name]-[hash].js'),
      },
    },
  },
});
