import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type Plugin } from 'vite';

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

export default defineConfig({
  root: 'web',
  base: './',
  plugins: [svelte({ configFile: false }), policy],
  worker: { format: 'es' },
  build: { outDir: '../dist/web', emptyOutDir: true, target: 'es2023' },
});
