/**
 * Clocks that run fast or slow. A process tells the time by its own clock, which is right until the timeline skews it: from then on everything that it times by
 * that clock (a lock, a heartbeat, a linger) comes early or late, as others see it. Set right again, a clock goes as fast as time does, and stays as far
 * ahead or behind as it is by then: nobody turns its hands. True time is the trace's; work takes true time, whatever the clock of the worker says.
 */
import type { ActorId, Micros } from '../core/types.ts';

/** The speed of a clock that is right, in hundredths. */
export const RIGHT = 100;

/** From `trueUs` on, when the clock showed `ownUs`, it ran so many hundredths as fast as time. */
interface Stretch {
  readonly trueUs: Micros;
  readonly ownUs: Micros;
  readonly hundredths: number;
}

/** What a clock showed and will show: each time that its speed changes begins a stretch. */
class Clock {
  readonly #stretches: Stretch[] = [];

  /** From a time on it has another speed. Returns what that makes of the true times that had been worked out for later: those at which it shows then what it would have shown. */
  run(trueUs: Micros, hundredths: number): (time: Micros) => Micros {
    const before = this.#stretches.at(-1) ?? { trueUs: 0, ownUs: 0, hundredths: RIGHT };
    this.#stretches.push({ trueUs, ownUs: shown(before, trueUs), hundredths });
    return (time) => this.when(shown(before, time));
  }

  /** What it shows at a true time. */
  read(trueUs: Micros): Micros {
    for (let i = this.#stretches.length - 1; i >= 0; i--) {
      const stretch = this.#stretches[i] as Stretch;
      if (stretch.trueUs <= trueUs) return shown(stretch, trueUs);
    }
    return trueUs;
  }

  /** The first true time at which it shows so much; of the future at the speed that it has now. */
  when(ownUs: Micros): Micros {
    const stretch = this.#stretches.findLast((one) => one.ownUs <= ownUs);
    if (stretch === undefined) return ownUs;
    let trueUs = stretch.trueUs + Math.ceil(((ownUs - stretch.ownUs) * RIGHT) / stretch.hundredths);
    // Over months the product is more than a number holds to the last place.
    while (shown(stretch, trueUs) < ownUs) trueUs++;
    return trueUs;
  }
}

function shown({ trueUs, ownUs, hundredths }: Stretch, nowUs: Micros): Micros {
  return ownUs + Math.floor(((nowUs - trueUs) * hundredths) / RIGHT);
}

/** By actor. Who is not known here has a clock that was always right. */
export class Clocks {
  readonly #clocks = new Map<ActorId, Clock>();

  /** From `nowUs` on an actor's clock runs so many hundredths as fast as time. Returns when it will show what it would have shown at a later time. */
  run(actor: ActorId, nowUs: Micros, hundredths: number): (time: Micros) => Micros {
    let clock = this.#clocks.get(actor);
    if (clock === undefined) {
      clock = new Clock();
      this.#clocks.set(actor, clock);
    }
    return clock.run(nowUs, hundredths);
  }

  /** What an actor's clock shows at a true time. */
  read(actor: ActorId, trueUs: Micros): Micros {
    return this.#clocks.get(actor)?.read(trueUs) ?? trueUs;
  }

  /** The true time at which an actor's clock shows so much. */
  when(actor: ActorId, ownUs: Micros): Micros {
    return this.#clocks.get(actor)?.when(ownUs) ?? ownUs;
  }
}
