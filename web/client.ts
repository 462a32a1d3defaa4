/**
 * The simulator as the page sees it: a class with verbs, behind which a worker does the work. If the worker dies, a new one is started and the
 * run is reported as failed; the page never hangs.
 */
import type { LanesReport, LanesRequest, LibraryEntry, Report, Request, RunRequest } from './protocol.ts';
import type { Answer, Question, QuestionKind, Questions } from './questions.ts';

export class Simulator {
  readonly #onReport: (report: Report) => void;
  #worker: Worker;
  #run = 0;
  #digests = new Map<number, { resolve: (digest: string) => void; reject: (error: Error) => void }>();
  #asked = new Map<number, (answer: Answer | null) => void>();
  #nextId = 1;
  #lanes: { readonly id: number; readonly hear: (report: LanesReport) => void } | null = null;
  #library: ((entries: readonly LibraryEntry[]) => void) | null = null;

  /** `onReport` hears all that concerns the newest run. */
  constructor(onReport: (report: Report) => void) {
    this.#onReport = onReport;
    this.#worker = this.#start();
  }

  /** Starts a run and forgets the one before. Returns its number. */
  run(request: Omit<RunRequest, 'type' | 'run'>): number {
    this.#run++;
    this.#ask({ type: 'run', run: this.#run, ...request });
    return this.#run;
  }

  /** Ends the run where it is; what it has recorded so far stays and is judged. */
  stop(): void {
    this.#ask({ type: 'stop' });
  }

  grade(file: string, text: string, sets: readonly string[]): void {
    this.#ask({ type: 'grade', run: this.#run, file, text, sets });
  }

  digest(text: string, seed: string | null, under: string | null): Promise<string> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#digests.set(id, { resolve, reject });
      this.#ask({ type: 'digest', id, text, seed, under });
    });
  }

  /** Runs lanes beside whatever else is run, and forgets those before. `hear` hears how far they are. */
  lanes(request: Omit<LanesRequest, 'type' | 'id'>, hear: (report: LanesReport) => void): void {
    const id = this.#nextId++;
    this.#lanes = { id, hear };
    this.#ask({ type: 'lanes', id, ...request });
  }

  stopLanes(): void {
    this.#lanes = null;
    this.#ask({ type: 'stop-lanes' });
  }

  library(files: readonly { readonly name: string; readonly text: string }[]): Promise<readonly LibraryEntry[]> {
    return new Promise((resolve) => {
      this.#library = resolve;
      this.#ask({ type: 'library', files });
    });
  }

  /** Asks something of the newest run, as far as it has come; null when there is another one before the answer. */
  ask<K extends QuestionKind>(of: K, question: Questions[K]['question']): Promise<Questions[K]['answer'] | null> {
    const id = this.#nextId++;
    return new Promise((resolve) => {
      this.#asked.set(id, (answer) => resolve(answer?.of === of ? (answer.answer as Questions[K]['answer']) : null));
      this.#ask({ type: 'ask', id, run: this.#run, what: { of, question } as Question });
    });
  }

  #ask(request: Request): void {
    this.#worker.postMessage(request);
  }

  #start(): Worker {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
    worker.onmessage = (event: MessageEvent<Report>) => this.#hear(event.data);
    worker.onerror = (event) => {
      event.preventDefault();
      worker.terminate();
      this.#worker = this.#start();
      const message = `The simulator stopped with an error: ${event.message || 'it could not be loaded'}.`;
      for (const { reject } of this.#digests.values()) reject(new Error(message));
      this.#digests.clear();
      for (const resolve of this.#asked.values()) resolve(null);
      this.#asked.clear();
      if (this.#lanes !== null) {
        const { id, hear } = this.#lanes;
        this.#lanes = null;
        hear({ type: 'lanes', id, done: 0, title: '', progress: 0, view: null, problem: message });
      }
      this.#onReport({ type: 'failed', run: this.#run, message });
    };
    return worker;
  }

  #hear(report: Report): void {
    if (report.type === 'digest') {
      const waiting = this.#digests.get(report.id);
      this.#digests.delete(report.id);
      if (report.problem === '') waiting?.resolve(report.digest);
      else waiting?.reject(new Error(report.problem));
      return;
    }
    if (report.type === 'answer') {
      const resolve = this.#asked.get(report.id);
      this.#asked.delete(report.id);
      resolve?.(report.answer);
      return;
    }
    if (report.type === 'lanes') {
      if (report.id === this.#lanes?.id) this.#lanes.hear(report);
      return;
    }
    if (report.type === 'library') {
      this.#library?.(report.entries);
      return;
    }
    if (report.run === this.#run) this.#onReport(report);
  }
}
