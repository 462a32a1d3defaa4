import { readFileSync } from 'node:fs';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type Plugin } from 'vite';

// The player for other pages: one script of a fixed name, and beside it what it fetches when it needs it (the simulator's worker, panels, the library's texts).
// It comes after the app's own build, into a folder of that.

// A player lives in a shadow tree, to which styles are given as text: as a sheet made from the text they need no leave of the host page's security policy.
const styles: Plugin = {
  name: 'styles-as-text',
  enforce: 'post',
  generateBundle(_, bundle) {
    let css = '';
    for (const [name, file] of Object.entries(bundle)) {
      if (file.type !== 'asset' || !/^parts\/.*\.css$/.test(name)) continue;
      css += typeof file.source === 'string' ? file.source : new TextDecoder().decode(file.source);
      delete bundle[name];
    }
    const marker = /(["'`])__QUEUELAB_STYLES__\1/g;
    let found = 0;
    for (const file of Object.values(bundle)) {
      if (file.type !== 'chunk') continue;
      file.code = file.code.replaceAll(marker, () => {
        found++;
        return JSON.stringify(css.trim());
      });
    }
    if (found !== 1 || css === '') this.error('the styles of the player have no place to go');
  },
};

// The example is a page as anybody would write one, so it is taken as it is.
const example: Plugin = {
  name: 'example',
  generateBundle() {
    for (const fileName of ['example.html', 'example.css'])
      this.emitFile({ type: 'asset', fileName, source: readFileSync(`web/player/${fileName}`, 'utf8') });
  },
};

export default defineConfig({
  root: 'web',
  base: './',
  plugins: [svelte({ configFile: false }), styles, example],
  worker: { format: 'es', rolldownOptions: { output: { entryFileNames: 'parts/[name]-[hash].js' } } },
  build: {
    outDir: '../dist/web/player',
    emptyOutDir: true,
    target: 'es2023',
    cssCodeSplit: false,
    modulePreload: false,
    rolldownOptions: {
      input: { 'queuelab-player': 'web/player/element.ts' },
      output: {
        entryFileNames: '[name].js',
        chunkFileNames: 'parts/[name]-[hash].js',
        assetFileNames: 'parts/[name]-[hash][extname]',
      },
    },
  },
});
