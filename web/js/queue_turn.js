// @ts-check

/**
 * Queues one prompt.
 *
 * @typedef {import("./prompts.js").Prompt} Prompt
 * @typedef {import("./prompts.js").Queued} Queued
 * @typedef {"accepted" | "refused" | "lost" | "cancelled"} Outcome "lost": the server did not answer
 */

import { app } from "../../../scripts/app.js";
import { isLost, isRefused, onQueued, onSent } from "./prompts.js";

export class QueueTurn {
  #node;
  #whenSent;
  /** @type {"waiting" | "building" | "sent" | "over"} */
  #state = "waiting";
  /** @type {Prompt | null} */
  #prompt = null;
  /** @type {(outcome: Outcome) => void} */
  #resolve = () => {};
  /** @type {Promise<Outcome>} */
  #outcome = new Promise((resolve) => {
    this.#resolve = resolve;
  });

  /**
   * @param {ComfyNode} node whose part of the prompt must be accepted
   * @param {() => void} whenSent called when the prompt is on its way to the server
   */
  constructor(node, whenSent) {
    this.#node = node;
    this.#whenSent = whenSent;
  }

  /**
   * Wait until the server has answered. While another call is queueing, ComfyUI's own returns at once, and the other call
   * queues this one.
   *
   * @returns {Promise<Outcome>}
   */
  async run() {
    // The node may be removed before the answer comes, so these do not look for it in the graph.
    const stopListening = [onSent((prompt) => this.#noteSent(prompt)), onQueued((queued) => this.#noteAnswer(queued))];
    try {
      await app.queuePrompt(0, 1);
      return await this.#outcome;
    } finally {
      for (const stop of stopListening) stop();
    }
  }

  /**
   * ComfyUI is about to put a prompt together.
   *
   * @returns {boolean} whether it is this one
   */
  build() {
    if (this.#state !== "waiting") return false;
    this.#state = "building";
    return true;
  }

  /** @param {Prompt} prompt */
  isOf(prompt) {
    return this.#prompt === prompt;
  }

  /** Do not wait for a prompt that is not being put together yet. */
  cancel() {
    if (this.#state === "waiting") this.#end("cancelled");
  }

  /** @param {Prompt} prompt */
  #noteSent(prompt) {
    if (this.#state !== "building") return;
    this.#state = "sent";
    this.#prompt = prompt;
    this.#whenSent();
  }

  /** @param {Queued} queued */
  #noteAnswer(queued) {
    if (this.#state !== "sent" || queued.prompt !== this.#prompt) return;
    if (!isRefused(this.#node, queued)) this.#end("accepted");
    else this.#end(isLost(queued) ? "lost" : "refused");
  }

  /** @param {Outcome} outcome */
  #end(outcome) {
    this.#state = "over";
    this.#resolve(outcome);
  }
}
