// @ts-check

/**
 * Shows a numbered image sequence one frame at a time. A plain DOM component: the caller says where the pictures are.
 *
 * Costs do not grow with the length of the sequence: one request at a time for the frame that is wanted, a few frames
 * loaded ahead, a bounded cache, and no element or array per frame.
 *
 * @typedef {import("./playback.js").PlaybackState & { key?: string, exposure?: number }} State where the user was; `key` is
 *   the sequence's, `exposure` in stops
 * @typedef {import("./sequence.js").Picture} Picture
 * @typedef {import("./sequence.js").Sequence} Sequence
 * @typedef {import("./tools.js").Action} Action
 * @typedef {import("./fill.js").Translate} Translate
 */

import { listenToFrame, updateCaption } from "./caption.js";
import { Choice } from "./choice.js";
import { ExposureControl } from "./exposure.js";
import { inEnglish } from "./fill.js";
import { FrameDisplay } from "./frame_display.js";
import { frameLabel, markedLabel, problemText } from "./frame_texts.js";
import { listenToKeys } from "./keyboard.js";
import { Layout } from "./layout.js";
import { listenToMarks } from "./mark_hint.js";
import { MarkRow } from "./mark_row.js";
import { drawMarks } from "./marks.js";
import { build } from "./markup.js";
import { Messages } from "./messages.js";
import { PictureView } from "./picture_view.js";
import { Playback } from "./playback.js";
import { listenToPointer } from "./pointer.js";
import { Tools } from "./tools.js";
import { Transport } from "./transport.js";
import { Viewer } from "./viewer.js";

const MEMORY = 64 * 2 ** 20;

export class SequencePlayer {
  /** The element to put somewhere. It fills what it is given; `minHeight` says how much it needs. */
  element = document.createElement("div");

  #t;
  #parts;
  #messages;
  #layout;
  #playback = new Playback();
  #view;
  #display;
  #viewer;
  #choice;
  #transport;
  #exposure;
  #markRow;
  #tools;

  /**
   * @param {object} [options]
   * @param {Action[]} [options.actions] further buttons
   * @param {Translate} [options.translate] says a text in the user's language
   * @param {number} [options.memory] bytes of decoded pictures to keep
   * @param {() => void} [options.onLayout] called when `layout`, `minHeight` or `aspect` has changed
   */
  constructor({ actions = [], translate = inEnglish, memory = MEMORY, onLayout = () => {} } = {}) {
    const parts = build(this.element, translate);
    this.#parts = parts;
    this.#t = translate;
    this.#messages = new Messages(parts, translate, () => this.#layout.measure());
    this.#layout = new Layout(this.element, this.#messages, onLayout);
    this.#view = new PictureView(parts);
    this.#display = new FrameDisplay(this.#view, this.#playback, memory, {
      onChange: () => this.#describe(),
      onMarks: () => this.#drawMarks(),
      onAspect: () => {
        this.element.style.setProperty("--picture-aspect", String(this.aspect));
        this.#layout.tell();
      },
    });
    const viewer = new Viewer(this.#playback, this.#view, this.#display);
    this.#viewer = viewer;
    this.#choice = new Choice(parts.choice, (sequence) => viewer.choose(sequence));
    this.#transport = new Transport(parts, translate, viewer);
    this.#exposure = new ExposureControl(parts, translate, (stops) => viewer.expose(stops));
    this.#markRow = new MarkRow(parts, translate, (direction) => viewer.goToMark(direction));
    this.#tools = new Tools(parts, translate, actions, {
      toggleZoom: () => viewer.toggleZoom(),
      act: (run) => this.#act(run),
    });
    listenToFrame(parts, (frame) => viewer.seek(frame));
    listenToMarks(parts, viewer);
    listenToKeys(this.element, viewer);
    listenToPointer(parts.view, parts.picture, viewer);
  }

  /** "empty": nothing to see, "text": a line or two, "picture": everything. */
  get layout() {
    return this.#layout.name;
  }

  /** In pixels. */
  get minHeight() {
    return this.#layout.minHeight;
  }

  /** Width / height of the picture, or null before there is one. */
  get aspect() {
    return this.#view.aspect;
  }

  /** The line below. */
  get message() {
    return this.#messages.message;
  }

  /** Size of the decoded pictures in memory. */
  get cachedBytes() {
    return this.#display.cachedBytes;
  }

  /**
   * Where the user was, as plain values, for restore().
   *
   * @returns {State}
   */
  get state() {
    return { key: this.#viewer.sequence?.key, exposure: this.#view.exposure, ...this.#playback.state };
  }

  /** @param {State} state */
  restore(state) {
    this.#playback.restore(state);
    this.#viewer.expose(state.exposure ?? 0);
    const sequence = this.#choice.find(state.key);
    if (sequence) this.#viewer.openAt(sequence, state.frame);
  }

  /**
   * Replace the sequences. The old picture stays until the new one is there. A user who is playing, or looking at a frame
   * of their choice, stays there.
   *
   * @param {Sequence[]} sequences
   * @param {object} [options]
   * @param {number} [options.frame] where all other users go; default: the first
   * @param {string} [options.message] a line below
   */
  show(sequences, { frame, message = "" } = {}) {
    this.#messages.showMessage(message);
    this.#choice.offer(sequences);
    const sequence = this.#choice.find(this.#viewer.sequence?.key) ?? sequences[0] ?? null;
    this.#viewer.continueIn(sequence, frame);
  }

  /**
   * While a sequence is being made: `text` below, and its newest `frame`, unless the user is playing or looking at a frame
   * of their choice. show(), showMessage() and showError() end this.
   *
   * @param {Sequence} sequence
   * @param {number} frame
   * @param {string} text
   */
  showProgress(sequence, frame, text) {
    this.#messages.showMessage(text);
    if (this.#playback.isPinned) return;
    this.#choice.offer([sequence]);
    this.#viewer.follow(sequence, frame);
  }

  /**
   * Show a line of text below the picture, which stays.
   *
   * @param {string} text
   */
  showMessage(text) {
    this.#messages.showMessage(text);
    this.#viewer.settle();
  }

  /**
   * Show an error as an alert; "" removes it.
   *
   * @param {string} text
   */
  showError(text) {
    this.#messages.showError(text);
    this.#viewer.settle();
  }

  /** Ask again for a picture that could not be loaded. */
  retry() {
    this.#viewer.retry();
  }

  /** Stop, abort all requests and free memory until the player is visible again. */
  release() {
    this.#messages.showNotice("");
    this.#viewer.release();
  }

  /** Write everything that depends on the state. */
  #describe() {
    const { wanted } = this.#display;
    if (wanted) this.#describeFrame(wanted);
    this.#layout.update(Boolean(wanted), Number(this.#viewer.canExpose) + Number(this.#viewer.hasMarks));
  }

  /** @param {Picture} wanted */
  #describeFrame(wanted) {
    const { sequence } = wanted;
    const { marks } = this.#viewer;
    const problem = problemText(this.#t, wanted, this.#display.problem(wanted));
    // The caption describes the picture on the canvas: the wanted one may still be loading.
    const frame = problem ? wanted.frame : this.#view.shownFrame(sequence) ?? wanted.frame;
    this.#choice.update(sequence);
    const label = markedLabel(frameLabel(this.#t, sequence, wanted.frame), marks.between(wanted.frame));
    this.#transport.update(sequence, this.#playback, label);
    this.#markRow.update(marks, frame, sequence.step);
    this.#exposure.update(sequence, this.#view.exposure);
    updateCaption(this.#parts, sequence, frame, Boolean(problem));
    this.#view.describe({
      label: problem || frameLabel(this.#t, sequence, frame),
      note: problem,
      isBusy: !this.#display.isReady(wanted),
    });
    this.#tools.update(this.#view.isZoomed, this.#view.fullUrl(sequence, wanted.frame));
  }

  #drawMarks() {
    const { sequence, absentFrames } = this.#display;
    if (sequence) drawMarks(this.#parts.marks, sequence, this.#viewer.marks, absentFrames);
  }

  /** @param {Action["run"]} run */
  async #act(run) {
    const { sequence } = this.#viewer;
    if (!sequence) return;
    try {
      this.#messages.showNotice(await run(sequence, this.#playback.frame));
    } catch (error) {
      this.#messages.showNotice(error instanceof Error ? error.message : String(error));
    }
  }
}
