/** Who shows the stage or the diagram offers it here to be drawn elsewhere: what is drawn, and how large. `pictures.ts` makes pictures of it. */

import type { Micros } from '../../core/types.ts';
import type { Paper, Present } from '../diagram/draw.ts';
import type { Drawing } from '../diagram/drawing.ts';
import type { ShownCaption } from '../stage/captions.ts';
import type { Scene } from '../stage/marks.ts';
import type { Palette } from '../stage/paint.ts';

export interface StagePicture {
  /** Has the boxes. */
  readonly floor: HTMLElement;
  readonly scene: Scene;
  readonly palette: Palette;
  /** Without any scale. */
  readonly width: number;
  readonly height: number;
  /** So many times as large as it fits it is shown. */
  readonly scale: number;
  readonly selected: number;
  /** The card over the boxes; null for none. */
  readonly caption: ShownCaption | null;
  /** The cards that are shown between two times. */
  readonly captionsBetween: (fromUs: Micros, toUs: Micros) => readonly ShownCaption[];
}

export interface DiagramPicture {
  readonly paper: Omit<Paper, 'context' | 'ratio'>;
  readonly drawing: Drawing;
  readonly present: Present;
}

/** What can be drawn just now. A picture is asked for only when somebody wants it. */
export class Pictures {
  #stage: (() => StagePicture | null) | null = null;
  #diagram: (() => DiagramPicture | null) | null = null;

  get stage(): StagePicture | null {
    return this.#stage?.() ?? null;
  }

  /** Null while the panel is not open, or has nothing to draw. */
  get diagram(): DiagramPicture | null {
    return this.#diagram?.() ?? null;
  }

  /** Returns what takes the offer back. */
  offerStage(picture: () => StagePicture | null): () => void {
    this.#stage = picture;
    return () => {
      if (this.#stage === picture) this.#stage = null;
    };
  }

  offerDiagram(picture: () => DiagramPicture | null): () => void {
    this.#diagram = picture;
    return () => {
      if (this.#diagram === picture) this.#diagram = null;
    };
  }
}
