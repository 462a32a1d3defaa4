/**
 * Before each file of unit tests: fast-check draws from a fixed seed, so that two runs of the tests see the same cases. To look further, give another:
 * `QUEUELAB_SEED=7 npx vitest run --project unit test/sim/scenario`.
 */
import fc from 'fast-check';

fc.configureGlobal({ seed: Number(process.env['QUEUELAB_SEED'] ?? 1) });
