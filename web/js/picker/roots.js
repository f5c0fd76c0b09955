// @ts-check

/**
 * The folders where the user may start, as buttons.
 *
 * @typedef {import("./picker.js").Folder & { isHere: boolean }} Root
 */

export class Roots {
  #element;
  /** @type {Root[]} */
  #roots = [];

  /**
   * @param {HTMLElement} element
   * @param {(root: Root) => void} onOpen
   */
  constructor(element, onOpen) {
    this.#element = element;
    element.addEventListener("click", ({ target }) => {
      const index = target instanceof Element ? [...element.children].indexOf(target) : -1;
      const root = this.#roots[index];
      if (root) onOpen(root);
    });
  }

  /** @param {Root[]} roots */
  show(roots) {
    this.#roots = roots;
    const buttons = roots.map(({ name, isHere }) => {
      const button = newButton(name);
      if (isHere) button.setAttribute("aria-current", "true");
      return button;
    });
    this.#element.replaceChildren(...buttons);
  }

  /** Mark none of them as the one that the user is in. */
  unmark() {
    this.show(this.#roots.map((root) => ({ ...root, isHere: false })));
  }
}

/** @param {string} text */
export function newButton(text) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = text;
  return button;
}
