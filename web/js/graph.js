// @ts-check

/** Nodes, and how ComfyUI names them across subgraphs. */

import { app } from "../../../scripts/app.js";

export function rootGraph() {
  return app.rootGraph ?? app.graph; // 1.27 has no rootGraph
}

/**
 * Whether this is one of the pack's frame counters.
 *
 * @param {string} [comfyClass]
 */
export function isCounter(comfyClass) {
  return Boolean(comfyClass?.startsWith("ImageSequenceFrameCounter"));
}

/**
 * The node that an event is about: "5:12" is node 12 in the subgraph that node 5 stands for.
 *
 * @param {number | string} executionId
 */
export function nodeAt(executionId) {
  /** @type {ComfyNode | null | undefined} */
  let node = null;
  /** @type {ComfyGraph | undefined} */
  let graph = rootGraph();
  for (const id of String(executionId).split(":")) {
    node = graph?.getNodeById(id);
    graph = node?.subgraph;
  }
  return node ?? null;
}

/**
 * The subgraph nodes that an event's node is in, from the outside in.
 *
 * @param {number | string | null | undefined} executionId
 */
export function* nodesAround(executionId) {
  const ids = String(executionId ?? "").split(":");
  for (let depth = 1; depth < ids.length; depth++) {
    const node = nodeAt(ids.slice(0, depth).join(":"));
    if (node) yield node;
  }
}

/** All nodes, those in subgraphs too. */
export function* allNodes() {
  const root = rootGraph();
  for (const graph of [root, ...(root.subgraphs?.values() ?? [])]) yield* graph.nodes;
}

/**
 * As ComfyUI names nodes in its outputs: "12", or "<uuid of the subgraph>:12".
 *
 * @param {ComfyNode} node
 */
export function locator(node) {
  return !node.graph || node.graph === rootGraph() ? String(node.id) : `${node.graph.id}:${node.id}`;
}
