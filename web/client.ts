/**
 * The simulator as the page sees it: a class with verbs, behind which a worker does the work. If the worker dies, the run is
 * reported as failed, and what is asked next goes to a new one; the page never hangs. The worker may also be taken away while there is nothing to do: what is asked
 * next waits for another one, in which the run is first made again, unheard, since the same request makes the same run.
 */
import { withBareTables } from '../sim/scenario/by-name.ts';
import type {
  ExportReport,
  ExportRequest,
  LanesReport,
  LanesRequest,
  RecordedTrace,
  Report,
  Request,
  RunReport,
  RunRequest,
  TraceReport,
} from './protocol.ts';
import type { Answer, Question, QuestionKind, Questions } from './questions.ts';

/** Who has workers to give. */
export interface Workers {
  /** The simulator needs a worker: it is to be given one by `employ`, now or later. */
  want(simulator: Simulator): void;
  /** The simulator has nothing to do just now; `rest` takes its worker away. */
  spare(simulator: Simulator): void;
  /** The simulator's worker has ended, by itself or for good. */
  leave(simulator: Simulator): void;
}

/** What is known of a run without running it; null when nothing is. */
export type Recall = (request: RunRequest) => Promise<readonly RunReport[] | null>;

export class Simulator {
  readonly #workers: Workers;
  readonly #onReport: (report: Report) => void;
  readonly #recall: Recall | null;
  #worker: Worker | null = null;
  #isOver = false;
  /** Waits for a worker, or for the run to be there again. */
  #waiting: Request[] = [];
  #run = 0;
  /** How the newest run was asked for; null before the first, and for one that cannot be had again: it was stopped, or it killed its worker. */
  #request: RunRequest | null = null;
  /** Whether the worker has the newest run, is making it again, or knows nothing of it. */
  #held: 'yes' | 'soon' | 'no' = 'no';
  /** The worker is at the newest run, or at judging it. */
  #isRunning = false;
  /** It has been heard before. */
  #isRepeated = false;
  #digests = new Map<number, { resolve: (digest: string) => void; reject: (error: Error) => void }>();
  #asked = new Map<number, (answer: Answer | null) => void>();
  #nextId = 1;
  /** Lanes that are being run, and how many there will be. */
  #lanes: { readonly id: number; readonly all: number; readonly hear: (report: LanesReport) => void } | null = null;
  #reading: { readonly id: number; readonly hear: (report: TraceReport) => void } | null = null;
  #export: { readonly id: number; readonly hear: (report: ExportReport) => void } | null = null;

  /** `onReport` hears all that concerns the newest run. With `recall` a worker is wanted when there is something to do that is not known, else from the first moment on. */
  constructor(workers: Workers, onReport: (report: Report) => void, recall: Recall | null = null) {
    this.#workers = workers;
    this.#onReport = onReport;
    this.#recall = recall;
    if (recall === null) workers.want(this);
  }

  /** Gives it a worker, which has done nothing yet. */
  employ(worker: Worker): void {
    this.#worker = worker;
    this.#held = 'no';
    worker.onmessage = (event: MessageEvent<Report>) => this.#hear(event.data);
    worker.onerror = (event) => {
      event.preventDefault();
      const { message } = event;
      this.#fail(
        message
          ? `The simulator stopped with an error: ${message}.`
          : 'The simulator could not be started: its file cannot be loaded, or the security policy of this page forbids it.',
      );
    };
    this.#send();
  }

  /** Says that no worker can be had, and why; what waits for one fails. */
  refuse(message: string): void {
    this.#fail(message);
  }

  /** Ends its worker if there is nothing to do; what was run can still be asked about. False when there is. */
  rest(): boolean {
    if (!this.isIdle) return false;
    this.#worker?.terminate();
    this.#worker = null;
    return true;
  }

  /** Ends its worker for good; nothing is heard any more. */
  end(): void {
    this.#isOver = true;
    this.#worker?.terminate();
    this.#worker = null;
    this.#waiting = [];
    for (const resolve of this.#asked.values()) resolve(null);
    this.#asked.clear();
    this.#workers.leave(this);
  }

  /** Has a worker soon, so that what is asked next need not wait for its start. */
  wake(): void {
    if (this.#worker === null && !this.#isOver) this.#workers.want(this);
  }

  /** Starts a run and forgets the one before. Returns its number. */
  run(request: Omit<RunRequest, 'type' | 'run'>): number {
    this.#run++;
    const asked: RunRequest = { type: 'run', run: this.#run, ...request };
    // Only where nothing is being done yet: what a worker is at would have to be given up first.
    if (this.#recall === null || this.#worker !== null || this.#waiting.length > 0) this.#ask(asked);
    else void this.#recalled(this.#recall, asked);
    return this.#run;
  }

  async #recalled(recall: Recall, request: RunRequest): Promise<void> {
    this.#isRunning = true;
    const reports = await recall(request);
    if (this.#isOver || request.run !== this.#run) return;
    this.#isRunning = false;
    if (reports === null) return this.#ask(request);
    // Who asks about it has it made again, unheard.
    this.#request = request;
    this.#held = 'no';
    for (const report of reports) this.#onReport(report);
    if (this.#waiting.length > 0) this.#workers.want(this);
  }

  /** Ends the run where it is; what it has recorded so far stays and is judged. */
  stop(): void {
    this.#ask({ type: 'stop' });
    this.#request = null;
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
    const before = this.#lanes;
    this.#lanes = { id, all: request.lanes.length, hear };
    before?.hear({
      type: 'lanes',
      id: before.id,
      done: 0,
      title: '',
      progress: 0,
      view: null,
      problem: 'Another comparison took its place.',
    });
    this.#ask({ type: 'lanes', id, ...request });
  }

  #hearLanes(report: LanesReport): void {
    if (this.#lanes === null || report.id !== this.#lanes.id) return;
    const { hear, all } = this.#lanes;
    if (report.problem !== '' || report.done === all) this.#lanes = null;
    hear(report);
  }

  stopLanes(): void {
    this.#lanes = null;
    this.#ask({ type: 'stop-lanes' });
  }

  /** Reads a trace from a file without showing it. `hear` hears how far it is, and how it came out; then a run may ask for it. */
  readTrace(file: Blob, hear: (report: TraceReport) => void): RecordedTrace {
    const recorded = { id: this.#nextId++, file };
    this.#reading = { id: recorded.id, hear };
    this.#ask({ type: 'read-trace', recorded });
    return recorded;
  }

  /** Writes a stretch of the newest run, block by block, and gives up what was being written before. */
  export(request: Pick<ExportRequest, 'format' | 'fromUs' | 'toUs'>, hear: (report: ExportReport) => void): void {
    const id = this.#nextId++;
    this.#export = { id, hear };
    this.#ask({ type: 'export', id, run: this.#run, ...request });
  }

  stopExport(): void {
    this.#export = null;
    this.#ask({ type: 'stop-export' });
  }

  /** Asks something of the newest run, as far as it has come; null when there is another one before the answer. */
  ask<K extends QuestionKind>(of: K, question: Questions[K]['question']): Promise<Questions[K]['answer'] | null> {
    const id = this.#nextId++;
    return new Promise((resolve) => {
      this.#asked.set(id, (answer) => resolve(answer?.of === of ? (answer.answer as Questions[K]['answer']) : null));
      this.#ask({ type: 'ask', id, run: this.#run, what: { of, question } as Question });
    });
  }

  /** It has nothing to do, and waits for nothing. */
  get isIdle(): boolean {
    return (
      !this.#isRunning &&
      this.#waiting.length === 0 &&
      this.#digests.size === 0 &&
      this.#asked.size === 0 &&
      this.#lanes === null &&
      this.#reading === null &&
      this.#export === null
    );
  }

  #ask(request: Request): void {
    if (this.#isOver) return;
    this.#waiting.push(request);
    if (this.#worker === null) this.#workers.want(this);
    else this.#send();
  }

  #send(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const request of waiting) {
      if (request.type === 'run') {
        this.#request = request;
        this.#held = 'yes';
        this.#isRunning = true;
        this.#isRepeated = false;
      } else if (isOfRun(request) && this.#held === 'no' && this.#request !== null) {
        this.#held = 'soon';
        this.#isRunning = true;
        this.#isRepeated = true;
        this.#worker?.postMessage(this.#request);
      }
      if (isOfRun(request) && this.#held === 'soon') this.#waiting.push(request);
      else this.#worker?.postMessage(request);
    }
  }

  /** The worker died, or there is none. */
  #fail(message: string): void {
    this.#worker?.terminate();
    this.#worker = null;
    this.#request = null;
    this.#isRunning = false;
    this.#isRepeated = false;
    this.#waiting = [];
    for (const { reject } of this.#digests.values()) reject(new Error(message));
    this.#digests.clear();
    for (const resolve of this.#asked.values()) resolve(null);
    this.#asked.clear();
    if (this.#lanes !== null) {
      const { id, hear } = this.#lanes;
      this.#lanes = null;
      hear({ type: 'lanes', id, done: 0, title: '', progress: 0, view: null, problem: message });
    }
    this.#reading?.hear({ type: 'trace-read', id: this.#reading.id, share: 0, source: null, problem: message });
    this.#reading = null;
    this.#export?.hear({ type: 'exported', id: this.#export.id, block: '', done: true, problem: message });
    this.#export = null;
    this.#workers.leave(this);
    this.#onReport({ type: 'failed', run: this.#run, message });
  }

  #hear(report: Report): void {
    switch (report.type) {
      case 'digest': {
        const waiting = this.#digests.get(report.id);
        this.#digests.delete(report.id);
        if (report.problem === '') waiting?.resolve(report.digest);
        else waiting?.reject(new Error(report.problem));
        break;
      }
      case 'answer': {
        const resolve = this.#asked.get(report.id);
        this.#asked.delete(report.id);
        resolve?.(report.answer);
        break;
      }
      case 'lanes':
        this.#hearLanes(report);
        break;
      case 'trace-read': {
        const reading = this.#reading;
        if (report.id !== reading?.id) break;
        if (report.source !== null || report.problem !== '') this.#reading = null;
        reading.hear(report);
        break;
      }
      case 'exported': {
        const writing = this.#export;
        if (report.id !== writing?.id) break;
        if (report.done) this.#export = null;
        writing.hear(report);
        break;
      }
      default:
        if (report.run === this.#run) this.#hearRun(report);
    }
    if (this.isIdle) this.#workers.spare(this);
  }

  #hearRun(report: RunReport): void {
    const isUnheard = this.#isRepeated;
    const isNone = report.type === 'parsed' && report.scenario === null;
    if (report.type === 'parsed' && report.scenario !== null) withBareTables(report.scenario);
    if (report.type === 'charted' || report.type === 'failed' || isNone) {
      this.#isRunning = false;
      this.#isRepeated = false;
    }
    if (this.#held === 'soon' && (report.type === 'ended' || report.type === 'failed')) {
      this.#held = 'yes';
      this.#send();
    }
    if (!isUnheard) this.#onReport(report);
  }
}

/** It concerns the run that the worker holds. */
function isOfRun(request: Request): boolean {
  return request.type === 'ask' || request.type === 'export';
}
