// @ts-check

/** The players of all nodes that have one. */

import { allNodes, nodeAt } from "./graph.js";
import { NodePlayer } from "./node_player.js";

/** @type {WeakMap<ComfyNode, NodePlayer>} */
const players = new WeakMap();

/**
 * @param {ComfyNode} node
 * @param {boolean} addsFrames whether each run adds a frame to those of earlier runs
 */
export function addPlayer(node, addsFrames) {
  players.set(node, new NodePlayer(node, addsFrames));
}

/** @param {ComfyNode} node */
export function playerOf(node) {
  return players.get(node);
}

/**
 * The player of the node that an event is about.
 *
 * @param {number | string} executionId
 */
export function playerAt(executionId) {
  const node = nodeAt(executionId);
  return node ? players.get(node) : undefined;
}

/**
 * @returns {Generator<[ComfyNode, NodePlayer]>}
 */
export function* allPlayers() {
  for (const node of allNodes()) {
    const player = players.get(node);
    if (player) yield [node, player];
  }
}
