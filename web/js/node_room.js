// @ts-check

/** Makes a node tall enough for its player. */

import { app } from "../../../scripts/app.js";

// Heights of the picture in pixels: in its own shape as far as this goes, and in a player of the least height.
const PICTURE_HEIGHT = { least: 120, most: 400 };
const SMALLEST_PICTURE = 74;
const MARGINS = 20; // left and right of the picture

export class NodeRoom {
  #node;
  #widget;
  #player;
  /** @type {boolean | null} */
  #wantsPicture = null; // whether the node grows by the whole picture once its shape is known; null: undecided
  /** The height that this has given the node, until somebody else changes it: from its `own`, with `extra` for a picture. */
  #height = { now: -1, own: 0, extra: 0 };

  /**
   * @param {ComfyNode} node
   * @param {ComfyWidget} widget of the player
   * @param {import("./player/sequence_player.js").SequencePlayer} player
   */
  constructor(node, widget, player) {
    this.#node = node;
    this.#widget = widget;
    this.#player = player;
  }

  /**
   * To be called when the layout of the player has changed. The node grows with it, and shrinks again, but never below the
   * height that somebody else has given it.
   */
  update() {
    const node = this.#node;
    this.#widget.hidden = this.#player.layout === "empty";
    const [width, height] = node.size;
    const { own, extra } = this.#height.now === height ? this.#height : { own: height, extra: 0 };
    const needed = node.computeSize()[1];
    const more = extra || this.#extraForPicture(width, own < needed);
    const now = Math.max(own, needed + more);
    this.#height = { now, own, extra: more };
    if (now !== height) node.setSize([width, now]);
    app.graph.setDirtyCanvas(true, true);
  }

  /**
   * Pixels beyond the least, for the first picture in a node that has no room for it. A node that had room before was
   * given its size by the user, with a player in it.
   *
   * @param {number} width
   * @param {boolean} isTooSmall
   */
  #extraForPicture(width, isTooSmall) {
    const { layout, aspect } = this.#player;
    if (layout !== "picture") return 0;
    this.#wantsPicture ??= isTooSmall;
    if (!aspect || !this.#wantsPicture) return 0;
    this.#wantsPicture = false;
    const { least, most } = PICTURE_HEIGHT;
    const picture = Math.min(most, Math.max(least, (width - MARGINS) / aspect));
    return picture - SMALLEST_PICTURE;
  }
}
