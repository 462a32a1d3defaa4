import { availableParallelism } from 'node:os';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What takes longest, longest first. Where a worker began with one of these at the end, the others would have nothing to do. */
const LONGEST = [
  'test/properties/promises.test.ts',
  'test/sim/scenario/mutations.test.ts',
  'test/scenarios/exercises.test.ts',
  'test/transcripts/',
  'test/sim/digests.test.ts',
  'test/sim/folds/',
  'test/scenarios/',
  'test/properties/',
  'test/browser/plays.test.ts',
  'test/browser/axe.test.ts',
  'test/browser/lanes.test.ts',
  'test/browser/player.test.ts',
  'test/browser/keyboard.test.ts',
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = LONGEST.findIndex((path) => moduleId.includes(path));
      return at < 0 ? LONGEST.length : at;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

// Two kinds of test: `unit` runs the sources in Node; `browser` drives the built page in a real Chromium. Files share their processes, one a core: no test hangs on
// what another left in a module, and what a file needs has been loaded and compiled by the one before.
export default defineConfig({
  test: {
    isolate: false,
    maxWorkers: availableParallelism(),
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        plugins: [svelte({ configFile: false })],
        test: {
          name: 'unit',
          environment: 'node',
          include: ['test/**/*.test.ts'],
          exclude: ['test/browser/**'],
          setupFiles: ['test/setup.ts'],
          // Commands that are played without a process of their own print no colours, whatever the environment asks (CI=1 is enough).
          env: { NO_COLOR: '1' },
          // Many start processes of their own, which a busy machine is slow with.
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'browser',
          environment: 'node',
          include: ['test/browser/**/*.test.ts'],
          globalSetup: ['test/browser/setup.ts'],
          // One more than there are cores: whoever looks at a page also waits for its frames, and then a core has time for another.
          maxWorkers: availableParallelism() + 1,
          // Sets with another number of workers cannot run at once.
          sequence: { groupOrder: 1 },
          testTimeout: 180_000,
          hookTimeout: 120_000,
          // What is waited for comes soon, but not while something else keeps the machine busy. Who waits in vain is told so in the end.
          expect: { poll: { timeout: 45_000 } },
        },
      },
    ],
  },
});
