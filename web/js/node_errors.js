// @ts-check

/** Why the last prompt, or the last run, failed in a node. */

import { chosenValues } from "./node_values.js";
import { inWordsOfTheNode } from "./wording.js";

export class NodeErrors {
  #node;
  #show;
  #refusal = ""; // what the server finds wrong with this node in the last prompt
  #failure = ""; // why the last run failed in this node
  #values = ""; // the widget values at that time

  /**
   * @param {ComfyNode} node
   * @param {(text: string) => void} show called when the text changes; "" if there is nothing wrong
   */
  constructor(node, show) {
    this.#node = node;
    this.#show = show;
  }

  /** A run begins: errors of earlier runs are out of date now. */
  begin() {
    this.#failure = "";
    this.#tell();
  }

  /**
   * The run has failed in this node.
   *
   * @param {string} text
   */
  fail(text) {
    this.#failure = inWordsOfTheNode(this.#node, text);
    this.#tell();
  }

  /**
   * The server has answered a prompt. The answer and the start of the prompt's valid branches come in either order, so
   * neither clears the other's message.
   *
   * @param {string} text "" if there is nothing wrong with this node
   */
  refuse(text) {
    if (text === this.#refusal) return;
    this.#refusal = text;
    this.#failure = "";
    this.#tell();
  }

  /** The values may have changed: errors about others are out of date. */
  checkValues() {
    if (!(this.#refusal || this.#failure) || this.#values === chosenValues(this.#node)) return;
    this.#refusal = this.#failure = "";
    this.#tell();
  }

  #tell() {
    this.#values = chosenValues(this.#node);
    this.#show(this.#refusal || this.#failure);
  }
}
