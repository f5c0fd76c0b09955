// @ts-check

/** The buttons of the counters. */

import { api } from "../../../scripts/api.js";
import { allNodes } from "./graph.js";
import { latestLook, lookNow } from "./looks.js";
import { watchValues } from "./node_values.js";
import { onQueued } from "./prompts.js";
import { QueueRest } from "./queue_rest.js";

const RUN_ENDS = ["execution_success", "execution_error", "execution_interrupted"];

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
  buttons.get(node)?.cancel();
}

/** A workflow was opened: some of its frames may be in the server's queue. */
export function refreshQueueRests() {
  for (const button of allButtons()) void button.refresh();
}

/** Call this once. */
export function watchQueue() {
  onQueued((queued) => {
    for (const button of allButtons()) button.note(queued);
  });
  for (const end of RUN_ENDS) {
    api.addEventListener(end, ({ detail }) => {
      for (const button of allButtons()) button.forget(detail?.prompt_id);
    });
  }
  // No event says that a waiting prompt was deleted.
  api.addEventListener("status", ({ detail }) => {
    const length = detail?.exec_info?.queue_remaining;
    if (typeof length !== "number") return;
    for (const button of allButtons()) button.noteQueueLength(length);
  });
}

function* allButtons() {
  for (const node of allNodes()) {
    const button = buttons.get(node);
    if (button) yield button;
  }
}
