// @ts-check

/**
 * Decides which picture is fetched next, and records which frames cannot be loaded.
 *
 * One request at a time for the frame that is wanted: scrubbing skips what it passes. Once that frame is there, a few
 * frames ahead.
 *
 * @typedef {import("./sequence.js").Sequence} Sequence
 * @typedef {import("./sequence.js").Picture} Picture
 *
 * @typedef {object} Demand asked again after every answer
 * @property {() => Picture | null} needed the picture to wait for; null: none
 * @property {() => Picture[] | null} upcoming those worth loading ahead, in order; null: leave running requests alone
 * @property {(picture: Picture) => void} onLoad a needed picture has arrived, or has failed
 * @property {() => void} onAbsent `absent` has changed
 */

import { FrameCache, FrameError, isAbort } from "./frame_cache.js";

// ComfyUI's page has six connections to the server in all.
const MAX_PREFETCHES = 3;

export class FrameLoader {
  #cache;
  #demand;
  /** @type {Sequence | null} */
  #sequence = null;
  /** @type {Set<number>} */
  #missing = new Set(); // named by the sequence
  /** @type {Set<number>} */
  #gone = new Set(); // the server found no file
  /** @type {Map<string, FrameError>} */
  #failures = new Map(); // by URL
  #isLoading = false; // the needed picture

  /**
   * @param {number} memory bytes of decoded pictures to keep
   * @param {Demand} demand
   */
  constructor(memory, demand) {
    this.#cache = new FrameCache(memory);
    this.#demand = demand;
  }

  /** Size of the decoded pictures in memory. */
  get bytes() {
    return this.#cache.bytes;
  }

  /** Numbers of the frames known to be absent. */
  get absent() {
    return [...this.#missing, ...this.#gone];
  }

  /**
   * Load from another sequence, or from the files of a later run: failures are forgotten.
   *
   * @param {Sequence | null} sequence
   */
  setSequence(sequence) {
    this.#sequence = sequence;
    this.#missing = new Set(sequence?.missing);
    this.#gone.clear();
    this.#failures.clear();
  }

  /**
   * Whether the sequence lists the frame as missing.
   *
   * @param {number} frame
   */
  isMissing(frame) {
    return this.#missing.has(frame);
  }

  /**
   * Why the picture could not be loaded.
   *
   * @param {string} url
   */
  failure(url) {
    return this.#failures.get(url);
  }

  /**
   * Ask for it again when it is needed: it may exist by now.
   *
   * @param {string} url
   */
  forgetFailure(url) {
    this.#failures.delete(url);
  }

  /**
   * The picture, if it is in memory. Draw it at once, do not keep it.
   *
   * @param {string} url
   */
  bitmap(url) {
    return this.#cache.get(url);
  }

  /**
   * Whether the picture can be shown, or reported as absent or broken, without waiting.
   *
   * @param {Picture} picture
   */
  isSettled({ frame, url }) {
    return this.#missing.has(frame) || this.#cache.has(url) || this.#failures.has(url);
  }

  /** To be called whenever the demand may have changed. */
  async load() {
    if (this.#isLoading) return;
    this.#isLoading = true;
    try {
      let picture = this.#demand.needed();
      while (picture) {
        this.#cache.keepOnly(new Set([picture.url]));
        await this.#fetch(picture);
        this.#demand.onLoad(picture);
        picture = this.#demand.needed();
      }
    } finally {
      this.#isLoading = false;
    }
    this.#prefetch();
  }

  /** Abort all requests and free the memory. */
  clear() {
    this.#cache.clear();
  }

  #prefetch() {
    const upcoming = this.#isLoading ? null : this.#demand.upcoming();
    if (!upcoming) return;
    this.#cache.keepOnly(new Set(upcoming.map(({ url }) => url)));
    for (const picture of upcoming.slice(0, MAX_PREFETCHES)) {
      if (!this.#cache.isLoading(picture.url)) void this.#fetch(picture).then(() => this.#prefetch());
    }
  }

  /** @param {Picture} picture */
  async #fetch({ sequence, frame, url }) {
    /** @type {FrameError | null} */
    let failure = null;
    try {
      await this.#cache.load(url);
    } catch (error) {
      if (isAbort(error)) return;
      if (!(error instanceof FrameError)) throw error;
      failure = error;
    }
    if (sequence !== this.#sequence) return;
    if (failure) this.#failures.set(url, failure);
    this.#noteGone(frame, failure?.status === 404);
  }

  /**
   * @param {number} frame
   * @param {boolean} isGone
   */
  #noteGone(frame, isGone) {
    if (isGone === this.#gone.has(frame)) return;
    if (isGone) this.#gone.add(frame);
    else this.#gone.delete(frame);
    this.#demand.onAbsent();
  }
}
