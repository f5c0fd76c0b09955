// @ts-check

/**
 * What a node's player shows, kept across page reloads and switches of workflow tabs. For this browser tab only: in the
 * workflow it would count as a change of the graph, and run it again.
 *
 * @typedef {object} Remembered
 * @property {string} reported the node's output, as JSON
 * @property {import("./reports.js").RunReport[]} records
 * @property {string} message
 * @property {string} [values] the widget values of that run; absent in what an older version remembered
 * @property {import("./player/sequence_player.js").State} state
 */

import { locator, rootGraph } from "./graph.js";

/**
 * Take it while the node is in its graph: during its removal, the node may have lost its graph, and the graph its id.
 *
 * @param {ComfyNode} node
 */
export function storageKey(node) {
  return `image_sequence:${rootGraph().id}:${locator(node)}`;
}

/**
 * @param {string} key
 * @param {Remembered} remembered
 */
export function remember(key, remembered) {
  try {
    sessionStorage.setItem(key, JSON.stringify(remembered));
  } catch (error) {
    // Full, or forbidden by the browser's privacy settings: then a reload forgets.
    if (!(error instanceof DOMException)) throw error;
  }
}

/**
 * @param {string} key
 * @returns {Remembered | null}
 */
export function recall(key) {
  const stored = sessionStorage.getItem(key);
  return stored && JSON.parse(stored);
}
