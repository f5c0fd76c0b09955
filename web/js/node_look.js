// @ts-check

/**
 * Asks the server what a node's widgets lead to, before any run: the browse route (io_utils/comfyui/browse.py).
 *
 * @typedef {Record<string, any>} Facts plain values; `Look` in the nodes says which
 *
 * @typedef {object} Look
 * @property {Record<string, unknown>} values the widget values that it is about
 * @property {import("./reports.js").Report[]} sequences the frames that a loader would load
 * @property {Facts} facts
 * @property {string} refusal why a run would fail; "" if there is nothing wrong. `sequences` and `facts` may still say what is
 *   there, if only frames are missing.
 * @property {boolean} isUntouched whether a new node finds nothing, with the values that it comes with
 */

import { api } from "../../../scripts/api.js";
import { isCounter } from "./graph.js";
import { isLinked, sourceOf, valuesOf } from "./node_values.js";

const TYPING_PAUSE_MS = 250;

// Nothing can be said of a loader or a check without these.
const NEEDED = {
  ImageSequenceLoadBatch: ["path_pattern"],
  ImageSequenceLoadFrame: ["directory_path", "pattern"],
  ImageSequenceCheck: ["path_pattern"],
};

const SAVER_WITH_COUNTER = "ImageSequenceSaveCounted";

export class NodeLook {
  #node;
  #onLook;
  #lookOf;
  #initial;
  #timer = 0;
  #asked = ""; // the question whose answer is shown or on its way, as JSON
  /** @type {AbortController | null} */
  #request = null;
  /** @type {Look | null} */
  #latest = null;

  /**
   * @param {ComfyNode} node new
   * @param {(look: Look | null) => void} onLook called with each new look; null if there is nothing to ask
   * @param {(node: ComfyNode) => Look | null | undefined} lookOf the latest look of another node
   */
  constructor(node, onLook, lookOf) {
    this.#node = node;
    this.#onLook = onLook;
    this.#lookOf = lookOf;
    this.#initial = valuesOf(node);
  }

  /** The newest answer. */
  get latest() {
    return this.#latest;
  }

  /** The values, or the links, may have changed. */
  update() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), TYPING_PAUSE_MS);
  }

  /** The files may have changed. */
  refresh() {
    this.#asked = "";
    this.#timer ||= setTimeout(() => this.#ask(), TYPING_PAUSE_MS); // runs may end faster than the pause
  }

  /** Without a pause. */
  async now() {
    clearTimeout(this.#timer);
    this.#asked = "";
    await this.#ask();
  }

  release() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#request?.abort();
  }

  async #ask() {
    this.#timer = 0;
    if (!this.#node.graph) return;
    const inputs = this.#question();
    const question = inputs ? JSON.stringify(inputs) : "";
    if (question && question === this.#asked) return;
    this.#request?.abort();
    this.#asked = question;
    if (!inputs) {
      this.#tell(null);
      return;
    }
    const request = new AbortController();
    this.#request = request;
    const look = await this.#answer(question, request.signal);
    if (this.#request !== request || request.signal.aborted) return;
    if (look) this.#tell({ values: inputs, ...look, isUntouched: look.isMissing && this.#isInitial(inputs) });
    else this.#asked = ""; // the server did not answer: the next occasion asks again
  }

  /** @returns {Record<string, unknown> | null} the values to ask about; null if too little is known before the run */
  #question() {
    const node = this.#node;
    /** @type {string[]} */
    const needed = NEEDED[/** @type {keyof typeof NEEDED} */ (node.comfyClass)] ?? [];
    if (needed.some((name) => isLinked(node, name))) return null;
    const values = valuesOf(node);
    const counter = node.comfyClass === SAVER_WITH_COUNTER ? this.#counterInFront() : null;
    return counter ? { ...values, frame_counter: counter } : values;
  }

  /** Where the counter stands that is wired to this saver, if it is one of ours and has been asked. */
  #counterInFront() {
    const counter = sourceOf(this.#node, "frame_counter");
    if (!counter || !isCounter(counter.comfyClass)) return null;
    const { frame, total } = this.#lookOf(counter)?.facts ?? {};
    if (typeof frame !== "number" || typeof total !== "number") return null;
    const { frames_per_second: rate = 25 } = valuesOf(counter);
    return { current_frame: frame, total_frames: total, frames_per_second: rate };
  }

  /**
   * @param {string} inputs as JSON
   * @param {AbortSignal} signal
   * @returns {Promise<Omit<Look, "values" | "isUntouched"> & { isMissing: boolean } | null>} null without an answer
   */
  async #answer(inputs, signal) {
    const query = new URLSearchParams({ node: this.#node.comfyClass ?? "", inputs });
    try {
      const answer = await fetch(api.apiURL(`/image_sequence/browse?${query}`), { signal, cache: "no-store" });
      if (answer.ok) {
        const found = await answer.json();
        return { ...found, refusal: found.facts.refused ?? "", isMissing: false };
      }
      // Not aiohttp's own refusal of a query that is longer than 8190 bytes.
      const isOurs = [400, 403, 404].includes(answer.status) && answer.headers.get("Cache-Control") === "no-store";
      const refusal = isOurs ? (await answer.text()).trim() : "";
      return isOurs ? { sequences: [], facts: {}, refusal, isMissing: answer.status === 404 } : null;
    } catch (error) {
      if (error instanceof DOMException || error instanceof TypeError) return null; // aborted, or no network
      throw error;
    }
  }

  /** @param {Record<string, unknown>} values */
  #isInitial(values) {
    return Object.entries(values).every(([name, value]) => value === this.#initial[name]);
  }

  /** @param {Look | null} look */
  #tell(look) {
    this.#latest = look;
    this.#onLook(look);
  }
}
