// @ts-check

/**
 * How much there is to see, and how much room it needs.
 *
 * @typedef {"empty" | "text" | "picture"} LayoutName nothing, a line or two, everything
 */

// Pixels of height below which nothing can be made out. An error comes on top of a picture; its greatest height,
// 60 pixels and the gap before it, is in sequence_player.css. So does the row for the exposure.
const MIN_HEIGHT = { empty: 0, text: 60, picture: 150 };
const ERROR_HEIGHT = 64;
const EXPOSURE_HEIGHT = 26;

export class Layout {
  #element;
  #messages;
  #onChange;
  /** @type {LayoutName} */
  #name = "empty";
  #toldHeight = 0;
  #hasExposure = false;

  /**
   * @param {HTMLElement} element
   * @param {import("./messages.js").Messages} messages
   * @param {() => void} onChange
   */
  constructor(element, messages, onChange) {
    this.#element = element;
    this.#messages = messages;
    this.#onChange = onChange;
    element.dataset.layout = this.#name;
  }

  get name() {
    return this.#name;
  }

  /** In pixels. */
  get minHeight() {
    const least = MIN_HEIGHT[this.#name];
    if (this.#name !== "picture") return least;
    return least + (this.#messages.hasError ? ERROR_HEIGHT : 0) + (this.#hasExposure ? EXPOSURE_HEIGHT : 0);
  }

  /**
   * @param {boolean} hasPicture
   * @param {boolean} hasExposure whether the row for the exposure is shown
   */
  update(hasPicture, hasExposure) {
    this.#hasExposure = hasExposure;
    const before = { name: this.#name, height: this.#toldHeight };
    this.#name = hasPicture ? "picture" : this.#messages.hasText ? "text" : "empty";
    this.#element.dataset.layout = this.#name;
    this.#toldHeight = this.minHeight;
    if (this.#name !== before.name || this.#toldHeight !== before.height) this.tell();
  }

  /** Call the listener. Its errors are reported as its own, and the player goes on. */
  tell() {
    try {
      this.#onChange();
    } catch (error) {
      reportError(error);
    }
  }
}
