import { defineConfig } from 'vite';

// The command line as one file, packages included: it starts several times faster than its sources would.
export default defineConfig({
  build: {
    ssr: true,
    target: 'node20',
    outDir: 'dist/cli',
    emptyOutDir: true,
    minify: false,
    rolldownOptions: { input: { cli: 'sim/cli.ts' }, output: { entryFileNames: '[name].js' } },
  },
  ssr: { noExternal: true },
});
