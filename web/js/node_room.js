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
  /** The height that a text has given the node, and the height before. */
  #stretched = { to: 0, from: 0 };

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
   * To be called when the layout of the player has changed. The node grows, and shrinks again only by what a text has made
   * it grow, unless somebody else has changed its height since.
   */
  update() {
    const node = this.#node;
    this.#widget.hidden = this.#player.layout === "empty";
    const [width, height] = node.size;
    const own = height === this.#stretched.to ? this.#stretched.from : height;
    const needed = node.computeSize()[1];
    const extra = this.#extraForPicture(width, own < needed);
    const wanted = Math.max(own, needed + extra);
    this.#stretched = { to: wanted, from: extra ? wanted : own };
    if (wanted !== height) node.setSize([width, wanted]);
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
