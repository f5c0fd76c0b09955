// @ts-check

/**
 * The stage: one picture, fitted into its place or at 100 %, and a note over it.
 *
 * @typedef {import("./sequence.js").Sequence} Sequence
 * @typedef {import("./sequence.js").Picture} Picture
 * @typedef {{ x: number, y: number }} Point of the picture, -0.5..0.5 from left to right and from top to bottom
 */

import { clamp } from "./clamp.js";
import { write } from "./dom.js";

// Few sizes, so that a node that is made a little larger does not load everything again.
const SMALLEST_PREVIEW = 256;
const LARGEST_PREVIEW = 1024;

export class PictureView {
  /** The view that the picture is fitted into. */
  element;
  /** In stops, for pictures of linear sequences. */
  exposure = 0;

  #canvas;
  #note;
  /** @type {{ key: string, frame: number | null, url: string, isFullSize: boolean }} */
  #shown = { key: "", frame: null, url: "", isFullSize: false };
  #isZoomed = false;
  /** @type {Point} */
  #center = { x: 0, y: 0 }; // in the middle of the view at 100 %
  #previewSize = SMALLEST_PREVIEW;

  /** @param {{ view: HTMLElement, picture: HTMLCanvasElement, note: HTMLElement }} parts */
  constructor({ view, picture, note }) {
    this.element = view;
    this.#canvas = picture;
    this.#note = note;
  }

  /**
   * The frame on the canvas, or null if there is none of this sequence: the picture of another stays until the first one comes.
   *
   * @param {Sequence} sequence
   */
  shownFrame({ key, first, last }) {
    const { frame } = this.#shown;
    return this.#shown.key === key && frame !== null && frame >= first && frame <= last ? frame : null;
  }

  /** Width / height of the picture, or null before there is one. */
  get aspect() {
    return this.#shown.url ? this.#canvas.width / this.#canvas.height : null;
  }

  /** Whether 100 % is wanted. The picture may not be loaded yet. */
  get isZoomed() {
    return this.#isZoomed;
  }

  /** Whether the picture is shown at 100 %, so that it can be moved. */
  get canPan() {
    return this.#shown.isFullSize;
  }

  /**
   * The picture that shows a frame at the current zoom.
   *
   * @param {Sequence} sequence
   * @param {number} frame
   * @returns {Picture}
   */
  pictureOf(sequence, frame) {
    const url = this.#isZoomed
      ? this.fullUrl(sequence, frame)
      : sequence.preview(frame, this.#previewSize, this.#exposureOf(sequence));
    return { sequence, frame, url, isFullSize: this.#isZoomed };
  }

  /**
   * The URL of the picture at its own size.
   *
   * @param {Sequence} sequence
   * @param {number} frame
   */
  fullUrl(sequence, frame) {
    return sequence.full(frame, this.#exposureOf(sequence));
  }

  /** @param {Picture} picture */
  shows({ url }) {
    return this.#shown.url === url;
  }

  /**
   * @param {Picture} picture
   * @param {ImageBitmap} bitmap
   */
  draw({ sequence, frame, url, isFullSize }, bitmap) {
    this.#canvas.width = bitmap.width;
    this.#canvas.height = bitmap.height;
    this.#canvas.getContext("2d")?.drawImage(bitmap, 0, 0);
    this.#shown = { key: sequence.key, frame, url, isFullSize };
    this.#place();
  }

  /**
   * @param {object} state
   * @param {string} state.label what screen readers call the picture
   * @param {string} state.note "" for none
   * @param {boolean} state.isBusy
   */
  describe({ label, note, isBusy }) {
    write(this.#note, note);
    this.#note.hidden = !note;
    this.element.setAttribute("aria-label", label);
    this.element.setAttribute("aria-busy", String(isBusy));
  }

  /** Between fit and 100 %, with this point of the picture in the middle. */
  toggleZoom(center = { x: 0, y: 0 }) {
    this.#isZoomed = !this.#isZoomed;
    this.#center = center;
  }

  /**
   * Move the picture, in pixels of the page.
   *
   * @param {number} dx
   * @param {number} dy
   */
  pan(dx, dy) {
    this.#center.x -= (dx * devicePixelRatio) / this.#canvas.width;
    this.#center.y -= (dy * devicePixelRatio) / this.#canvas.height;
    this.#place();
  }

  /** The view, or the scale of the page, has changed. */
  measure() {
    const { width, height } = this.element.getBoundingClientRect();
    const pixels = Math.max(width, height) * devicePixelRatio;
    // It never shrinks: a view made smaller has good pictures already.
    while (this.#previewSize < pixels && this.#previewSize < LARGEST_PREVIEW) this.#previewSize *= 2;
    if (this.#shown.url) this.#place();
  }

  /** @param {Sequence} sequence */
  #exposureOf({ linear }) {
    return linear ? this.exposure : 0;
  }

  /** CSS fits the picture. At 100 % one pixel of the picture is one of the screen, and #center is in the middle. */
  #place() {
    const { style, width, height } = this.#canvas;
    const { isFullSize } = this.#shown;
    this.element.classList.toggle("seqplayer-zoomed", isFullSize);
    style.setProperty("--aspect", String(width / height));
    if (!isFullSize) {
      style.width = style.translate = "";
      return;
    }
    const size = { x: width / devicePixelRatio, y: height / devicePixelRatio };
    this.#center = {
      x: within(this.#center.x, size.x, this.element.clientWidth),
      y: within(this.#center.y, size.y, this.element.clientHeight),
    };
    style.width = `${size.x}px`;
    style.translate = `${-this.#center.x * size.x}px ${-this.#center.y * size.y}px`;
  }
}

/**
 * `center`, as far from the middle of a picture of this length as leaves no empty margin in the view.
 *
 * @param {number} center
 * @param {number} length
 * @param {number} room
 */
function within(center, length, room) {
  const limit = Math.max(0, (length - room) / 2 / length);
  return clamp(center, -limit, limit);
}
