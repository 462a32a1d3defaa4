/** The editor's worker as the editor sees it. If it dies, what was asked is answered by null, and the next question starts another one. */
import type { EditorQuestion, EditorQuestionKind, EditorQuestions, EditorReport, EditorRequest } from './questions.ts';

export class Assistant {
  #worker: Worker | null = null;
  #asked = new Map<number, (answer: EditorReport['answer']) => void>();
  #nextId = 1;

  ask<K extends EditorQuestionKind>(
    of: K,
    question: EditorQuestions[K]['question'],
  ): Promise<EditorQuestions[K]['answer'] | null> {
    const id = this.#nextId++;
    return new Promise((resolve) => {
      this.#asked.set(id, (answer) => resolve(answer as EditorQuestions[K]['answer'] | null));
      this.#worker ??= this.#start();
      this.#worker.postMessage({ id, what: { of, question } as EditorQuestion } satisfies EditorRequest);
    });
  }

  /** Ends the worker; what was asked is never answered. */
  end(): void {
    this.#worker?.terminate();
    this.#worker = null;
    this.#asked.clear();
  }

  #start(): Worker {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
    worker.onmessage = ({ data: { id, answer } }: MessageEvent<EditorReport>) => {
      const resolve = this.#asked.get(id);
      this.#asked.delete(id);
      resolve?.(answer);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      worker.terminate();
      this.#worker = null;
      for (const resolve of this.#asked.values()) resolve(null);
      this.#asked.clear();
    };
    return worker;
  }
}
