// @ts-check

/** When the nodes look at what their widgets lead to. */

import { api } from "../../../scripts/api.js";
import { isCounter } from "./graph.js";
import { NodeLook } from "./node_look.js";
import { allPlayers, playerOf } from "./node_players.js";
import { watchValues } from "./node_values.js";
import { RUN_ENDS } from "./prompts.js";

const LOOKING = [
  "ImageSequenceLoadBatch",
  "ImageSequenceLoadFrame",
  "ImageSequenceCheck",
  "ImageSequenceSaveFrame",
  "ImageSequenceSaveCounted",
  "ImageSequenceSaveBatch",
  "ImageSequenceFrameCounter",
  "ImageSequenceFrameCounterFromDirectory",
];

/** @type {WeakMap<ComfyNode, NodeLook>} */
const looks = new WeakMap();

/**
 * @param {ComfyNode} node new
 * @param {() => void} onLook called after its player has shown a new look
 */
export function addLook(node, onLook) {
  if (!LOOKING.includes(node.comfyClass ?? "")) return;
  const look = new NodeLook(node, (latest) => {
    playerOf(node)?.showLook(latest);
    onLook();
    // A saver's look depends on what the counter in front of it says.
    if (isCounter(node.comfyClass)) updateLooks();
  }, latestLook);
  looks.set(node, look);
  watchValues(node, () => {
    playerOf(node)?.errors.checkValues();
    look.update();
  });
  look.update();
}

/**
 * The newest look of a node, if it has one.
 *
 * @param {ComfyNode} node
 */
export function latestLook(node) {
  return looks.get(node)?.latest;
}

/**
 * Have a node look at once.
 *
 * @param {ComfyNode} node
 */
export async function lookNow(node) {
  await looks.get(node)?.now();
}

/**
 * The values or links of a node may have changed.
 *
 * @param {ComfyNode} node
 */
export function updateLook(node) {
  looks.get(node)?.update();
}

export function updateLooks() {
  for (const [node] of allPlayers()) updateLook(node);
}

/** The files may have changed. */
export function refreshLooks() {
  for (const [node] of allPlayers()) looks.get(node)?.refresh();
}

/** @param {ComfyNode} node which has been removed */
export function releaseLook(node) {
  looks.get(node)?.release();
}

/** Call this once: other programs, and runs, change files. */
export function watchFiles() {
  for (const end of RUN_ENDS) api.addEventListener(end, refreshLooks);
  addEventListener("focus", refreshLooks);
  api.addEventListener("graphChanged", updateLooks);
}
