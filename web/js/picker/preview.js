// @ts-check

/** Shows the first frame of the selected sequence. */

const DELAY = 150; // ms, so that a held arrow key does not request a picture for every row

export class Preview {
  #image;
  #timer = 0;

  /** @param {HTMLImageElement} image */
  constructor(image) {
    this.#image = image;
    image.addEventListener("load", () => (image.hidden = false));
    image.addEventListener("error", () => (image.hidden = true));
  }

  /** @param {string} url "" for none */
  show(url) {
    clearTimeout(this.#timer);
    this.#image.hidden = true;
    this.#image.removeAttribute("src");
    if (url) this.#timer = setTimeout(() => (this.#image.src = url), DELAY);
  }
}
