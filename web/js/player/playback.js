// @ts-check

/**
 * Where the user is in a sequence and which frame comes next. Uses no DOM and reads no clock: times are handed in, in
 * milliseconds.
 *
 * @typedef {import("./sequence.js").FrameRange} FrameRange
 * @typedef {FrameRange & { key: string, fps: number | null }} PlayableSequence
 *
 * @typedef {object} PlaybackState
 * @property {number} frame
 * @property {number | null} [fps] the user's own rate
 * @property {"loop" | "ping-pong"} [mode]
 * @property {boolean} [following] moves along with new frames
 */

import { frameCount, lastFrame, nearestFrame } from "./sequence.js";

const DEFAULT_FPS = 24;
/** @type {PlayableSequence} */
const NOTHING = { key: "", first: 0, last: 0, step: 1, fps: null };

export class Playback {
  /** @type {PlayableSequence | null} */
  #sequence = null;
  #frame = 0;
  #direction = 1; // or -1
  #isPlaying = false;
  #isFollowing = true;
  /** @type {"loop" | "ping-pong"} */
  #mode = "loop";
  /** @type {number | null} */
  #ownRate = null; // null: that of the sequence
  #due = 0; // when the next frame is due

  /** The frame to show: the slider stands there. */
  get frame() {
    return this.#frame;
  }

  get isPlaying() {
    return this.#isPlaying;
  }

  get mode() {
    return this.#mode;
  }

  /** Frames per second. */
  get rate() {
    return this.#ownRate ?? this.#range.fps ?? DEFAULT_FPS;
  }

  /** Whether the user is playing or has chosen a frame. New frames must not move them then. */
  get isPinned() {
    return this.#isPlaying || !this.#isFollowing;
  }

  /** @returns {PlaybackState} */
  get state() {
    return { frame: this.#frame, fps: this.#ownRate, mode: this.#mode, following: this.#isFollowing };
  }

  /**
   * Restore everything but the frame, which jumpTo() sets: the sequence may no longer exist.
   *
   * @param {PlaybackState} state
   */
  restore({ fps, mode, following }) {
    this.#ownRate = fps ?? null;
    this.#mode = mode === "ping-pong" ? mode : "loop";
    this.#isFollowing = following ?? true;
  }

  /**
   * Play in another sequence. The frame stays what it is until goTo() or jumpTo().
   *
   * @param {PlayableSequence | null} sequence
   */
  setSequence(sequence) {
    this.#sequence = sequence;
  }

  /**
   * Go on in the sequence of a later run, at its rate unless the user has set one. A pinned user keeps the frame, if it is the
   * same sequence.
   *
   * @param {PlayableSequence} sequence
   * @param {number} [frame] to go to otherwise
   */
  continueIn(sequence, frame = sequence.first) {
    const before = this.#sequence;
    this.#sequence = sequence;
    this.jumpTo(before?.key === sequence.key && this.isPinned ? this.#frame : frame);
    if (frameCount(sequence) === 1) this.pause();
  }

  /**
   * Show a frame that the user did not choose.
   *
   * @param {number} frame
   */
  jumpTo(frame) {
    this.#frame = nearestFrame(this.#range, frame);
  }

  /**
   * Show a frame that the user chose. From the last one they follow new frames.
   *
   * @param {number} frame
   */
  goTo(frame) {
    const before = this.#frame;
    this.jumpTo(frame);
    if (this.#frame !== before) this.#direction = Math.sign(this.#frame - before);
    this.#isFollowing = this.#frame === lastFrame(this.#range);
  }

  /**
   * The frame that is `steps` away from `frame`; it may lie outside the sequence.
   *
   * @param {number} steps
   */
  frameAt(steps, frame = this.#frame) {
    return frame + steps * this.#range.step;
  }

  /** @param {number | null} rate frames per second, null for the sequence's */
  setRate(rate) {
    this.#ownRate = rate;
  }

  toggleMode() {
    this.#mode = this.#mode === "loop" ? "ping-pong" : "loop";
    this.#direction = 1;
  }

  /** @param {number} now */
  play(now) {
    if (this.#isPlaying || frameCount(this.#range) === 1) return;
    this.#isPlaying = true;
    this.#isFollowing = false;
    this.#direction = 1;
    this.#due = now + this.#period;
  }

  pause() {
    this.#isPlaying = false;
  }

  /**
   * Show the next frame, if its time has come and it is ready: for looking closely, a late frame is better than none.
   *
   * @param {number} now
   * @param {(frame: number) => boolean} isReady
   * @returns {boolean} has the frame changed?
   */
  advance(now, isReady) {
    const next = this.#after(this.#frame, this.#direction);
    if (!this.#isPlaying || now < this.#due || !isReady(next.frame)) return false;
    // After a delay of a period or more, playing goes on from now instead of catching up.
    const isOnTime = now - this.#due < this.#period;
    this.#due = (isOnTime ? this.#due : now) + this.#period;
    this.#frame = next.frame;
    this.#direction = next.direction;
    return true;
  }

  /**
   * The next frames in the order they will be played, at most one round.
   *
   * @param {number} count
   */
  upcoming(count) {
    const frames = [];
    let next = { frame: this.#frame, direction: this.#direction };
    for (let i = 0; i < Math.min(count, frameCount(this.#range) - 1); i++) {
      next = this.#after(next.frame, next.direction);
      frames.push(next.frame);
    }
    return frames;
  }

  get #range() {
    return this.#sequence ?? NOTHING;
  }

  get #period() {
    return 1000 / this.rate;
  }

  /**
   * @param {number} frame
   * @param {number} direction
   */
  #after(frame, direction) {
    const { first } = this.#range;
    const last = lastFrame(this.#range);
    const next = this.frameAt(direction, frame);
    if (next >= first && next <= last) return { frame: next, direction };
    if (this.#mode === "loop") return { frame: direction > 0 ? first : last, direction };
    // Back and forth: the end is shown once.
    return { frame: nearestFrame(this.#range, this.frameAt(-direction, frame)), direction: -direction };
  }
}
