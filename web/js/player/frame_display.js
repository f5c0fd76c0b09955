// @ts-check

/**
 * Brings the picture of the wanted frame onto the view: loads it, draws it, and looks ahead.
 *
 * @typedef {import("./picture_view.js").PictureView} PictureView
 * @typedef {import("./playback.js").Playback} Playback
 * @typedef {import("./sequence.js").Picture} Picture
 * @typedef {import("./sequence.js").Sequence} Sequence
 *
 * @typedef {object} DisplayListeners
 * @property {() => void} onChange anything that is written may have changed
 * @property {() => void} onMarks the absent frames, or the size of the slider, may have changed
 * @property {() => void} onAspect the picture has another shape
 */

import { FrameLoader } from "./frame_loader.js";

// How many frames to load in advance.
const AHEAD = { resting: 3, playing: 8 };

export class FrameDisplay {
  /** Whether to load the frames after the wanted one. While a sequence is being made, they do not exist yet. */
  looksAhead = true;

  #view;
  #playback;
  #loader;
  #listeners;
  /** @type {Sequence | null} */
  #sequence = null;
  #isVisible = false;
  #sight = new IntersectionObserver((entries) => {
    this.#isVisible = Boolean(entries.at(-1)?.isIntersecting);
    this.update();
  });

  /**
   * @param {PictureView} view
   * @param {Playback} playback says which frame is wanted, and which come next
   * @param {number} memory bytes of decoded pictures to keep
   * @param {DisplayListeners} listeners
   */
  constructor(view, playback, memory, listeners) {
    this.#view = view;
    this.#playback = playback;
    this.#listeners = listeners;
    this.#loader = new FrameLoader(memory, {
      needed: () => this.#needed(),
      upcoming: () => this.#upcoming(),
      onLoad: (picture) => this.#show(picture),
      onAbsent: listeners.onMarks,
    });
    this.#sight.observe(view.element);
    new ResizeObserver(() => this.measure()).observe(view.element);
  }

  get sequence() {
    return this.#sequence;
  }

  get isVisible() {
    return this.#isVisible;
  }

  /** Size of the decoded pictures in memory. */
  get cachedBytes() {
    return this.#loader.bytes;
  }

  /** Numbers of the frames known to be absent. */
  get absentFrames() {
    return this.#loader.absent;
  }

  /**
   * Why the wanted frame cannot be shown: "missing" from the sequence, or the error from loading it.
   *
   * @param {Picture} wanted
   */
  problem({ frame, url }) {
    return this.#loader.isMissing(frame) ? "missing" : this.#loader.failure(url) ?? null;
  }

  /**
   * Whether the picture can be shown, or reported as absent or broken, without waiting.
   *
   * @param {Picture} picture
   * @returns {boolean}
   */
  isReady(picture) {
    return this.#view.shows(picture) || this.#loader.isSettled(picture);
  }

  /** The picture of the wanted frame, or null without a sequence. */
  get wanted() {
    return this.#sequence && this.#view.pictureOf(this.#sequence, this.#playback.frame);
  }

  /**
   * Show another sequence, or the files of a later run, from the next update() on.
   *
   * @param {Sequence | null} sequence
   */
  setSequence(sequence) {
    this.#sequence = sequence;
    this.#loader.setSequence(sequence);
    this.#listeners.onMarks();
  }

  /** Ask for the wanted frame again, if loading it has failed: it may exist by now. */
  retry() {
    if (this.wanted) this.#loader.forgetFailure(this.wanted.url);
  }

  /** Show what is wanted as far as it is in memory, and load the rest. Call it after any change. */
  update() {
    try {
      const { wanted } = this;
      if (wanted && this.#isVisible) {
        if (!this.#loader.isMissing(wanted.frame)) this.#draw(wanted);
        void this.#loader.load();
      }
    } finally {
      this.#listeners.onChange(); // even if the picture could not be drawn
    }
  }

  /** The view, or the scale of the page, has changed. */
  measure() {
    this.#view.measure();
    this.#listeners.onMarks();
    this.update();
  }

  /** Abort all requests and free memory until the view is visible again. */
  release() {
    this.#isVisible = false;
    this.#sight.unobserve(this.#view.element);
    this.#sight.observe(this.#view.element); // reports again whether it is visible
    this.#loader.clear();
  }

  #needed() {
    const { wanted } = this;
    return wanted && this.#isVisible && !this.isReady(wanted) ? wanted : null;
  }

  #upcoming() {
    const sequence = this.#sequence;
    if (!sequence || !this.#isVisible || !this.looksAhead) return null;
    const { isPlaying } = this.#playback;
    let ahead = isPlaying ? AHEAD.playing : AHEAD.resting;
    if (this.#view.isZoomed) ahead = isPlaying ? 1 : 0; // at its own size, a picture may take a hundred megabytes
    const pictures = this.#playback.upcoming(ahead).map((frame) => this.#view.pictureOf(sequence, frame));
    return pictures.filter((picture) => !this.isReady(picture));
  }

  /**
   * A needed picture has arrived. If the user has moved on, it is still nearer than the one on the canvas, unless the
   * wanted one is there already.
   *
   * @param {Picture} picture
   */
  #show(picture) {
    const { wanted } = this;
    if (wanted?.sequence.key === picture.sequence.key && !this.#view.shows(wanted)) this.#draw(picture);
    this.#listeners.onChange();
  }

  /** @param {Picture} picture */
  #draw(picture) {
    const bitmap = this.#loader.bitmap(picture.url);
    if (!bitmap || this.#view.shows(picture)) return;
    const { aspect } = this.#view;
    this.#view.draw(picture, bitmap);
    if (this.#view.aspect !== aspect) this.#listeners.onAspect();
  }
}
