// @ts-check

/**
 * Moves through sequences, on the user's commands and along with new frames.
 *
 * @typedef {import("./frame_display.js").FrameDisplay} FrameDisplay
 * @typedef {import("./picture_view.js").PictureView} PictureView
 * @typedef {import("./picture_view.js").Point} Point
 * @typedef {import("./playback.js").Playback} Playback
 * @typedef {import("./sequence.js").Sequence} Sequence
 */

import { exposureAt } from "./exposure.js";
import { FrameMarks } from "./frame_marks.js";
import { frameCount } from "./sequence.js";

export class Viewer {
  #playback;
  #view;
  #display;
  #marks = new FrameMarks(null);

  /**
   * @param {Playback} playback
   * @param {PictureView} view
   * @param {FrameDisplay} display
   */
  constructor(playback, view, display) {
    this.#playback = playback;
    this.#view = view;
    this.#display = display;
  }

  get sequence() {
    return this.#display.sequence;
  }

  get canPan() {
    return this.#view.canPan;
  }

  get canExpose() {
    return Boolean(this.sequence?.linear);
  }

  /** What is marked in the sequence. */
  get marks() {
    return this.#marks;
  }

  get hasMarks() {
    return !this.#marks.isEmpty;
  }

  /**
   * Show the sequence of a later run, or none. A user who is playing, or has chosen a frame, stays there.
   *
   * @param {Sequence | null} sequence
   * @param {number} [frame] to go to otherwise; default: the first
   */
  continueIn(sequence, frame) {
    this.#display.looksAhead = true;
    if (sequence) this.#playback.continueIn(sequence, frame);
    this.#setSequence(sequence);
    this.#display.update();
  }

  /**
   * @param {Sequence} sequence
   * @param {number} frame
   */
  openAt(sequence, frame) {
    this.#setSequence(sequence);
    this.#playback.jumpTo(frame);
    this.#display.update();
  }

  /**
   * Show a frame that has just been made. Nothing is loaded ahead until settle(), or until the user moves.
   *
   * @param {Sequence} sequence
   * @param {number} frame
   */
  follow(sequence, frame) {
    this.#display.looksAhead = false;
    this.openAt(sequence, frame);
  }

  /** Frames are no longer being made. */
  settle() {
    this.#display.looksAhead = true;
    this.#display.update();
  }

  /**
   * Switch to another sequence, at the same frame number if it has one.
   *
   * @param {Sequence} sequence
   */
  choose(sequence) {
    this.#setSequence(sequence);
    this.#goTo(this.#playback.frame);
  }

  /** @param {number} frame */
  seek(frame) {
    this.#pause();
    this.#goTo(frame);
  }

  /** @param {number} steps */
  move(steps) {
    this.seek(this.#playback.frameAt(steps));
  }

  /** @param {1 | -1} direction to the next or the previous marked range */
  goToMark(direction) {
    const frame = this.#marks.startFrom(this.#playback.frame, direction);
    if (frame !== null) this.seek(frame);
  }

  /** @returns {(fraction: number) => void} moves from here by this fraction of the sequence */
  startScrub() {
    const from = this.#playback.frame;
    return (fraction) => {
      if (!this.sequence) return;
      const steps = Math.round(fraction * (frameCount(this.sequence) - 1));
      if (steps || this.#playback.frame !== from) this.seek(this.#playback.frameAt(steps, from));
    };
  }

  togglePlay() {
    if (this.#playback.isPlaying) {
      this.#pause();
      return;
    }
    this.#playback.play(performance.now());
    if (!this.#playback.isPlaying) return; // a single frame
    this.#display.looksAhead = true;
    this.#display.update();
    requestAnimationFrame((now) => this.#tick(now));
  }

  toggleMode() {
    this.#playback.toggleMode();
    this.#display.update();
  }

  /** @param {number | null} rate frames per second, null for the sequence's own */
  setRate(rate) {
    this.#playback.setRate(rate);
    this.#display.update();
  }

  /** @param {number} stops */
  expose(stops) {
    this.#view.exposure = exposureAt(stops);
    this.#display.update();
  }

  /** @param {number} thirds of a stop */
  exposeBy(thirds) {
    this.expose(exposureAt(this.#view.exposure, thirds));
  }

  /** @param {Point} [center] */
  toggleZoom(center) {
    this.#view.toggleZoom(center);
    this.#display.update();
  }

  /**
   * @param {number} dx
   * @param {number} dy
   */
  pan(dx, dy) {
    this.#view.pan(dx, dy);
  }

  /** The view, or the scale of the page, has changed. */
  measure() {
    this.#display.measure();
  }

  /** Ask again for the wanted frame, if loading it has failed. */
  retry() {
    this.#display.retry();
    this.#display.update();
  }

  /** Show the current state. */
  update() {
    this.#display.update();
  }

  /** Stop, abort all requests and free memory until the view is visible again. */
  release() {
    this.#pause();
    this.#display.release();
  }

  /** @param {number} frame */
  #goTo(frame) {
    if (!this.sequence) return;
    this.#display.looksAhead = true;
    this.#playback.goTo(frame);
    this.#display.retry();
    this.#display.update();
  }

  /** @param {Sequence | null} sequence */
  #setSequence(sequence) {
    this.#marks = new FrameMarks(sequence);
    this.#playback.setSequence(sequence);
    this.#display.setSequence(sequence);
  }

  #pause() {
    if (!this.#playback.isPlaying) return;
    this.#playback.pause();
    this.#display.update();
  }

  /** @param {number} now */
  #tick(now) {
    if (!this.#playback.isPlaying) return;
    requestAnimationFrame((time) => this.#tick(time));
    const { sequence } = this;
    if (!sequence || !this.#display.isVisible) return;
    /** @param {number} frame */
    const isReady = (frame) => this.#display.isReady(this.#view.pictureOf(sequence, frame));
    if (this.#playback.advance(now, isReady)) this.#display.update();
  }
}
