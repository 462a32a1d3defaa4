/**
 * Wrong machines: a method of a part or of a broker is replaced for as long as a run takes, so that what runs is the broker itself with one bug in it. No
 * setting leads there and nothing in the sources knows of it; a checker that misses such a bug would miss it in the sources, too.
 */
import type { Machine, Out, Wire } from '../../core/machine.ts';
import type { ActorId } from '../../core/types.ts';

/** Puts a bug in, and answers what takes it out again. */
export type Bug = () => () => void;

interface ClassOf<T> {
  readonly prototype: T;
}
type MethodOf<T> = { [K in keyof T]-?: NonNullable<T[K]> extends (...args: never[]) => unknown ? K : never }[keyof T];
type Method<T, K extends keyof T> = Extract<NonNullable<T[K]>, (...args: never[]) => unknown>;

/** A method that goes wrong. `right` is the method as it is, for this very object. */
export function instead<T extends object, K extends MethodOf<T>>(
  of: ClassOf<T>,
  name: K,
  wrong: (right: Method<T, K>, args: Parameters<Method<T, K>>, self: T) => ReturnType<Method<T, K>>,
): Bug {
  return () => {
    const { prototype } = of;
    const original = prototype[name] as Method<T, K>;
    const replaced = function (this: T, ...args: Parameters<Method<T, K>>) {
      return wrong(original.bind(this) as Method<T, K>, args, this);
    };
    prototype[name] = replaced as T[K];
    return () => {
      prototype[name] = original;
    };
  };
}

/** A machine whose words are changed on their way to the world: each call of `Out` that is named here is carried out by what stands here. */
export function saying(of: ClassOf<Machine>, words: (out: Out) => Partial<Out>): Bug {
  const heard = (out: Out): Out => new Overheard(out, words(out));
  return both(
    instead(of, 'receive', (right, [from, wire, out]) => right(from, wire, heard(out))),
    instead(of, 'timer', (right, [wire, out]) => right(wire, heard(out))),
  );
}

/** A machine that gets to hear something else than what was sent to it; null for nothing. */
export function hearing(of: ClassOf<Machine>, ear: (wire: Wire, from: ActorId, out: Out) => Wire | null): Bug {
  return instead(of, 'receive', (right, [from, wire, out]) => {
    const heard = ear(wire, from, out);
    if (heard !== null) right(from, heard, out);
  });
}

export function both(...bugs: readonly Bug[]): Bug {
  return () => {
    const undo = bugs.map((plant) => plant());
    return () => {
      for (const out of undo.reverse()) out();
    };
  };
}

/** What `work` answers while the bug is in. */
export function planted<T>(plant: Bug, work: () => T): T {
  const remove = plant();
  try {
    return work();
  } finally {
    remove();
  }
}

class Overheard implements Out {
  readonly #out: Out;
  readonly #words: Partial<Out>;

  constructor(out: Out, words: Partial<Out>) {
    this.#out = out;
    this.#words = words;
  }

  get now() {
    return this.#out.now;
  }
  get self() {
    return this.#out.self;
  }
  get cause() {
    return this.#out.cause;
  }
  get connection() {
    return this.#out.connection;
  }
  set connection(connection: number) {
    this.#out.connection = connection;
  }

  fact(...args: Parameters<Out['fact']>) {
    return this.#words.fact === undefined ? this.#out.fact(...args) : this.#words.fact(...args);
  }
  send(...args: Parameters<Out['send']>) {
    if (this.#words.send === undefined) this.#out.send(...args);
    else this.#words.send(...args);
  }
  work(...args: Parameters<Out['work']>) {
    return this.#words.work === undefined ? this.#out.work(...args) : this.#words.work(...args);
  }
  timer(...args: Parameters<Out['timer']>) {
    return this.#words.timer === undefined ? this.#out.timer(...args) : this.#words.timer(...args);
  }
  cancel(...args: Parameters<Out['cancel']>) {
    this.#out.cancel(...args);
  }
  alarm(...args: Parameters<Out['alarm']>) {
    return this.#out.alarm(...args);
  }
  silence(...args: Parameters<Out['silence']>) {
    this.#out.silence(...args);
  }
  choose(...args: Parameters<Out['choose']>) {
    return this.#out.choose(...args);
  }
  produce(...args: Parameters<Out['produce']>) {
    return this.#out.produce(...args);
  }
  crash(...args: Parameters<Out['crash']>) {
    this.#out.crash(...args);
  }
}
