// @ts-check

/** The two lines at the bottom: a message, now and then displaced by a notice, and an error. */

const NOTICE_MS = 2500;

export class Messages {
  #line;
  #alert;
  #message = "";
  #timer = 0; // ends the notice

  /** @param {{ message: HTMLElement, error: HTMLElement }} parts */
  constructor({ message, error }) {
    this.#line = message;
    this.#alert = error;
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
    this.#line.title = this.#message;
    if (notice) this.#timer = setTimeout(() => this.showNotice(""), NOTICE_MS);
  }

  /** @param {string} error "" for none */
  showError(error) {
    this.#alert.textContent = error;
  }
}
