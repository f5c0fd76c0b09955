// @ts-check

/**
 * The texts at the bottom: a message, now and then displaced by a notice, and an error.
 *
 * @typedef {object} MessageParts
 * @property {HTMLElement} message
 * @property {HTMLElement} error
 * @property {HTMLButtonElement} copyError
 */

import { copyText } from "./clipboard.js";
import { labelButton } from "./dom.js";

const NOTICE_MS = 2500;

// Pixels of height of a text that has not been laid out yet, and the most that a text gets; the latter are the greatest
// heights in sequence_player.css. A longer text scrolls.
const HEIGHT = { unknown: 60, message: 144, error: 200 };

/** @type {WeakSet<EventTarget>} the boxes of all texts */
const scrolling = new WeakSet();

// Keep the wheel from the page while there is something to scroll: ComfyUI would zoom. Its Vue nodes take the wheel in the
// capture phase, before any element of ours gets it.
addEventListener("wheel", (event) => {
  const { target: box, ctrlKey } = event;
  const isOurs = box instanceof Element && scrolling.has(box);
  if (isOurs && !ctrlKey && box.scrollHeight > box.clientHeight) event.stopPropagation();
}, { capture: true, passive: true });

export class Messages {
  #line;
  #alert;
  #copy;
  #t;
  #message = "";
  #timer = 0; // ends the notice

  /**
   * @param {MessageParts} parts
   * @param {import("./fill.js").Translate} translate
   * @param {() => void} onHeight called when `heights` may have changed
   */
  constructor({ message, error, copyError }, translate, onHeight) {
    this.#line = message;
    this.#alert = error;
    this.#copy = copyError;
    this.#t = translate;
    const boxes = [message, error];
    const sizes = new ResizeObserver(() => {
      onHeight();
      boxes.forEach(showRest);
    });
    for (const box of boxes) {
      sizes.observe(box);
      box.addEventListener("scroll", () => showRest(box));
      scrolling.add(box);
      copyFrom(box);
    }
    copyError.addEventListener("click", () => this.#copyError());
  }

  /** The message, even while a notice is shown. */
  get message() {
    return this.#message;
  }

  get hasText() {
    return Boolean(this.#line.textContent) || this.hasError;
  }

  get hasError() {
    return Boolean(this.#alert.textContent);
  }

  /** In pixels; 0 for a text that is not shown. */
  get heights() {
    const message = this.hasError ? 0 : heightOf(this.#line, HEIGHT.message);
    return { message, error: heightOf(this.#alert, HEIGHT.error) };
  }

  /** @param {string} message "" for none */
  showMessage(message) {
    this.#message = message;
    this.showNotice("");
  }

  /**
   * Show a text for a moment in place of the message; "" brings the message back.
   *
   * @param {string} notice
   */
  showNotice(notice) {
    clearTimeout(this.#timer);
    this.#line.textContent = notice || this.#message;
    showRest(this.#line);
    if (notice) this.#timer = setTimeout(() => this.showNotice(""), NOTICE_MS);
  }

  /** @param {string} error "" for none */
  showError(error) {
    if (error === this.#alert.textContent) return;
    this.#alert.textContent = error;
    this.#alert.scrollTop = 0;
    showRest(this.#alert);
    labelButton(this.#copy, "copy", this.#t("Copy this text"));
  }

  /** The button says how it went: the line for notices is hidden while there is an error. */
  async #copyError() {
    if (await copyText(this.#alert.textContent ?? "")) {
      labelButton(this.#copy, "done", this.#t("Copied"));
    } else {
      selectAll(this.#alert);
      labelButton(this.#copy, "copy", this.#t("The browser does not allow copying. Press Ctrl+C."));
    }
  }
}

/**
 * Show whether a text goes on below what can be seen: many systems hide scrollbars.
 *
 * @param {HTMLElement} box
 */
function showRest(box) {
  box.classList.toggle("seqplayer-more", box.scrollTop + box.clientHeight < box.scrollHeight - 1);
}

/**
 * @param {HTMLElement} box
 * @param {number} most
 */
function heightOf(box, most) {
  return box.textContent ? Math.min(most, box.scrollHeight || HEIGHT.unknown) : 0;
}

/**
 * Let the user copy from a text. ComfyUI would select and copy nodes.
 *
 * @param {HTMLElement} box
 */
function copyFrom(box) {
  box.addEventListener("copy", (event) => event.stopPropagation());
  box.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || !["a", "c"].includes(event.key.toLowerCase())) return;
    event.stopPropagation();
    if (event.key.toLowerCase() === "c") return;
    event.preventDefault(); // would select the whole page
    selectAll(box);
  });
}

/** @param {HTMLElement} box */
function selectAll(box) {
  getSelection()?.selectAllChildren(box);
}
