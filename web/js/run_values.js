// @ts-check

/** Which widget values of a node its latest report is about. */

import { chosenValues } from "./node_values.js";

export class RunValues {
  #node;
  /** @type {Map<string, string>} of the prompts in the queue, oldest first, by their ids */
  #queued = new Map();
  #report = ""; // "" if unknown
  #latest = "";

  /** @param {ComfyNode} node */
  constructor(node) {
    this.#node = node;
  }

  /** The latest run of any prompt: a file may have changed since the one before. */
  get latest() {
    return this.#latest;
  }

  /** As text, for restore(). */
  get ofReport() {
    return this.#report;
  }

  get areThoseOfTheReport() {
    return this.#report === "" || this.#report === chosenValues(this.#node);
  }

  /**
   * @param {string} run
   * @param {Record<string, unknown>} inputs of this node in the prompt
   */
  noteQueued(run, inputs) {
    // The value of a linked input is a link: [node id, slot].
    const values = Object.fromEntries(Object.entries(inputs).filter(([, value]) => !Array.isArray(value)));
    this.#queued.set(run, chosenValues(this.#node, values));
  }

  /** @param {string} run */
  begin(run) {
    this.#latest = run;
    if (!this.#queued.has(run)) return;
    for (const earlier of this.#queued.keys()) {
      if (earlier === run) break;
      this.#queued.delete(earlier);
    }
  }

  /** @param {string} [run] without it, or if this page did not queue it, the report is about the present values */
  noteReport(run = "") {
    this.#report = this.#queued.get(run) ?? chosenValues(this.#node);
  }

  /** @param {string} [values] as `ofReport` returned them; older versions kept none */
  restore(values = "") {
    this.#report = values;
  }
}
