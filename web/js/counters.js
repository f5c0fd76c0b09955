// @ts-check

/** The buttons of the counters. */

import { allNodes } from "./graph.js";
import { latestLook, lookNow } from "./looks.js";
import { watchValues } from "./node_values.js";
import { onQueued } from "./prompts.js";
import { QueueRest } from "./queue_rest.js";
import { onQueueChange } from "./server_queue.js";

/** @type {WeakMap<ComfyNode, QueueRest>} */
const buttons = new WeakMap();

/** @param {ComfyNode} node a new counter */
export function addQueueRest(node) {
  buttons.set(node, new QueueRest(node, () => lookNow(node)));
  watchValues(node, () => updateQueueRest(node));
}

/**
 * The node has looked, or its links have changed.
 *
 * @param {ComfyNode} node
 */
export function updateQueueRest(node) {
  buttons.get(node)?.update(latestLook(node)?.facts);
}

/** @param {ComfyNode} node which has been removed */
export function releaseQueueRest(node) {
  buttons.get(node)?.release();
}

/** Call this once. */
export function watchQueue() {
  onQueued((queued) => {
    for (const button of allButtons()) button.note(queued);
  });
  onQueueChange(() => {
    for (const button of allButtons()) button.describe();
  });
}

function* allButtons() {
  for (const node of allNodes()) {
    const button = buttons.get(node);
    if (button) yield button;
  }
}
