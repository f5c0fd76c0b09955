// @ts-check

/**
 * How much there is to see, and how much room it needs.
 *
 * @typedef {"empty" | "text" | "picture"} LayoutName nothing, a line or two, everything
 */

// Pixels of height below which nothing can be made out. A picture comes with one line of text; an error and further lines
// come on top of it. So do the rows that only some sequences have.
const MIN_HEIGHT = { empty: 0, text: 16, picture: 130 };
const LINE_HEIGHT = 16;
const ROW_HEIGHT = 26;
const GAP = 4;

export class Layout {
  #element;
  #messages;
  #onChange;
  /** @type {LayoutName} */
  #name = "empty";
  #toldHeight = 0;
  #rows = 0;

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
    const { message, error } = this.#messages.heights;
    if (this.#name === "empty") return least;
    if (this.#name === "text") return Math.max(least, message + error);
    const texts = Math.max(0, message - LINE_HEIGHT) + (error && error + GAP);
    return least + texts + this.#rows * ROW_HEIGHT;
  }

  /**
   * @param {boolean} hasPicture
   * @param {number} rows that only some sequences have
   */
  update(hasPicture, rows) {
    this.#rows = rows;
    const before = this.#name;
    this.#name = hasPicture ? "picture" : this.#messages.hasText ? "text" : "empty";
    this.#element.dataset.layout = this.#name;
    if (this.#name !== before) this.tell();
    else this.measure();
  }

  /** The height of a text may have changed. */
  measure() {
    if (this.minHeight !== this.#toldHeight) this.tell();
  }

  /** Call the listener. Its errors are reported as its own, and the player goes on. */
  tell() {
    this.#toldHeight = this.minHeight;
    try {
      this.#onChange();
    } catch (error) {
      reportError(error);
    }
  }
}
