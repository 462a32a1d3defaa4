import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

// The web app. Its base is relative, so that the built folder works under any path, also from a plain file server.
// `root` hides a svelte.config file from the plugin; Svelte 5 needs none.
export default defineConfig({
  root: 'web',
  base: './',
  plugins: [svelte({ configFile: false })],
  worker: { format: 'es' },
  build: { outDir: '../dist/web', emptyOutDir: true, target: 'es2023' },
});
