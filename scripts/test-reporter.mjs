// How `npm test` reports a set of tests: failures in full as vitest prints them, passed files only as a growing count, and at the
// end the counts as a JSON file for test.mjs (its path is in QUEUELAB_TEST_COUNTS).
import { writeFileSync } from 'node:fs';
import { DefaultReporter } from 'vitest/node';

/** So often a line of progress is printed at most, in ms. */
const PROGRESS_INTERVAL = 5000;

export default class TestReporter extends DefaultReporter {
  #files = 0;
  #tests = 0;
  #printedAt = Date.now();

  constructor() {
    super({ summary: false });
  }

  /**
   * @override
   * @param {import('vitest/node').TestModule} module
   */
  printTestModule(module) {
    if (module.state() === 'failed') super.printTestModule(module);
    this.#files++;
    this.#tests += Array.from(module.children.allTests()).length;
    if (Date.now() - this.#printedAt < PROGRESS_INTERVAL) return;
    this.#printedAt = Date.now();
    this.ctx.logger.log(`  ${this.#files} files, ${this.#tests} tests so far`);
  }

  /**
   * @override
   * @param {readonly import('vitest/node').TestModule[]} modules
   * @param {readonly import('vitest').SerializedError[]} unhandledErrors
   * @param {import('vitest/node').TestRunEndReason} reason
   */
  onTestRunEnd(modules, unhandledErrors, reason) {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    for (const module of modules) {
      // A file that cannot be loaded has errors of its own, and no tests.
      if (module.errors().length > 0) counts.failed++;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') counts.passed++;
        else if (state === 'failed') counts.failed++;
        else counts.skipped++;
      }
    }
    const file = process.env['QUEUELAB_TEST_COUNTS'];
    if (file !== undefined) writeFileSync(file, JSON.stringify(counts));
    super.onTestRunEnd(modules, unhandledErrors, reason);
  }
}
