// Runs a TypeScript script: `node scripts/run.mjs scripts/NAME.ts [arguments]`. Node 20 cannot run .ts, so the script and what it
// imports of ours become one file in dist/scripts, as fast as the built command line; packages stay where npm put them.
// Scripts run in the repository's root and find its files from there, not from their own place.
import { basename } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'vite';

const [script, ...args] = process.argv.slice(2);
if (script === undefined) {
  console.error('usage: node scripts/run.mjs scripts/NAME.ts [arguments]');
  process.exit(2);
}

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);
const name = basename(script).replace(/\.ts$/, '');
await build({
  root,
  configFile: false,
  logLevel: 'warn',
  build: {
    ssr: true,
    target: 'node20',
    outDir: 'dist/scripts',
    emptyOutDir: false,
    minify: false,
    rolldownOptions: { input: { [name]: script }, output: { entryFileNames: '[name].js' } },
  },
});
const built = `${root}/dist/scripts/${name}.js`;
process.argv = [process.execPath, built, ...args];
await import(pathToFileURL(built).href);
