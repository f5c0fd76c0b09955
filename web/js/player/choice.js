// @ts-check

/** @typedef {import("./sequence.js").Sequence} Sequence */

/** The sequences at hand, and the list to choose one from when there are several. */
export class Choice {
  #select;
  /** @type {Sequence[]} */
  #sequences = [];

  /**
   * @param {HTMLSelectElement} select
   * @param {(sequence: Sequence) => void} onChoose
   */
  constructor(select, onChoose) {
    this.#select = select;
    select.addEventListener("change", () => {
      const sequence = this.find(select.value);
      if (sequence) onChoose(sequence);
    });
  }

  /** @param {Sequence[]} sequences */
  offer(sequences) {
    this.#sequences = sequences;
    this.#select.replaceChildren(...sequences.map(({ key, label }) => new Option(label, key)));
    this.#select.hidden = sequences.length < 2;
  }

  /**
   * @param {string | undefined} key
   * @returns {Sequence | undefined}
   */
  find(key) {
    return this.#sequences.find((sequence) => sequence.key === key);
  }

  /** @param {Sequence} sequence */
  update({ key }) {
    this.#select.value = key;
  }
}
