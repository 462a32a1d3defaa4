/**
 * A question to the worker that follows what it depends on: asked again when that changes, one at a time, so that a playhead in motion asks as often as
 * answers come and no oftener. The answer before stays until the next one is there, but never beyond its run.
 */
import type { Lab, ShownRun } from './lab.svelte.ts';
import type { QuestionKind, Questions } from './questions.ts';

export class Asked<K extends QuestionKind> {
  readonly #lab: Lab;
  readonly #of: K;
  #known = $state.raw<{ readonly run: ShownRun; readonly answer: Questions[K]['answer'] } | null>(null);
  #busy = false;
  #next: { readonly run: ShownRun; readonly question: Questions[K]['question'] } | null = null;
  #over = false;

  /** Made while a component is: `question` is read in an effect. It is put when the run has ended; undefined means that nothing is to be asked. */
  constructor(lab: Lab, of: K, question: () => Questions[K]['question'] | undefined) {
    this.#lab = lab;
    this.#of = of;
    $effect(() => {
      const { run } = lab;
      const asked = question();
      if (run === null || asked === undefined || lab.running) return;
      this.#next = { run, question: asked };
      this.#ask();
    });
    $effect(() => () => {
      this.#over = true;
    });
  }

  /** About the shown run; null until there is one. */
  get answer(): Questions[K]['answer'] | null {
    return this.#known !== null && this.#known.run === this.#lab.run ? this.#known.answer : null;
  }

  #ask(): void {
    if (this.#busy || this.#next === null) return;
    const { run, question } = this.#next;
    this.#next = null;
    this.#busy = true;
    void this.#lab.simulator.ask(this.#of, question).then((answer) => {
      this.#busy = false;
      if (this.#over) return;
      if (answer !== null && !this.#lab.running) this.#known = { run, answer };
      this.#ask();
    });
  }
}
