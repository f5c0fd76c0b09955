// @ts-check

/**
 * Shows the player of a node inside a subgraph on the subgraph's node, too. If there are several, it is that of the node that
 * reported last.
 *
 * Nothing of this is stored in the workflow, and no widget is promoted.
 */

import { app } from "../../../scripts/app.js";
import { api } from "../../../scripts/api.js";
import { allNodes, locator, nodesAround } from "./graph.js";
import { ONE_FRAME_PER_RUN } from "./image_sequence.js";
import { addPlayer, playerOf } from "./node_players.js";

let run = ""; // id of the running prompt

app.registerExtension({
  name: "ImageSequence.SubgraphPlayers",

  // Before the node is in its graph: Vue nodes look for widgets only then.
  nodeCreated: addToSubgraphNode,

  setup() {
    api.addEventListener("execution_start", ({ detail }) => (run = detail.prompt_id));
    api.addEventListener("executed", ({ detail }) => {
      for (const player of playersAround(detail.display_node ?? detail.node)) player.show(detail.output, run);
    });
    api.addEventListener("image_sequence.progress", ({ detail }) => {
      for (const player of playersAround(detail.node)) player.showProgress(detail, run);
    });
    api.addEventListener("execution_error", ({ detail }) => {
      for (const player of playersAround(detail.node_id)) player.fail(String(detail.exception_message ?? "").trim());
    });
    api.addEventListener("execution_interrupted", ({ detail }) => {
      for (const player of playersAround(detail.node_id)) player.stop();
    });
  },

  afterConfigureGraph() {
    for (const node of allNodes()) addToSubgraphNode(node);
  },

  onNodeOutputsUpdated(outputs) {
    for (const node of allNodes()) {
      const inside = node.subgraph ? [...nodesIn(node.subgraph)] : [];
      const reported = inside.map((inner) => outputs?.[locator(inner)]).filter((output) => output?.image_sequence);
      if (reported.length) playerOf(node)?.restore(reported.at(-1));
    }
  },
});

/**
 * The players of all subgraph nodes that an event's node is in, from the outside in.
 *
 * @param {number | string | null | undefined} executionId "5:12" is node 12 in the subgraph of node 5
 */
function* playersAround(executionId) {
  for (const node of nodesAround(executionId)) {
    addToSubgraphNode(node);
    const player = playerOf(node);
    if (player) yield player;
  }
}

/** @param {ComfyNode} node */
function addToSubgraphNode(node) {
  if (!node.subgraph || playerOf(node)) return;
  const inside = [...nodesIn(node.subgraph)].filter(playerOf);
  if (!inside.length) return;
  keepAddedWidgets(node, () => {
    addPlayer(node, inside.every(({ comfyClass = "" }) => ONE_FRAME_PER_RUN.includes(comfyClass)));
  });
  const { onRemoved } = node;
  node.onRemoved = function () {
    playerOf(node)?.release();
    onRemoved?.call(this);
  };
}

/**
 * All nodes of a subgraph, those in further subgraphs too.
 *
 * @param {ComfyGraph} graph
 * @returns {Generator<ComfyNode>}
 */
function* nodesIn(graph) {
  for (const node of graph.nodes) {
    yield node;
    if (node.subgraph) yield* nodesIn(node.subgraph);
  }
}

/**
 * Call `add`, which adds widgets to a subgraph node, and keep them at its end. 1.27 drops them when it configures the node,
 * 1.42 when it lists the promoted ones again; 1.58 keeps them by itself.
 *
 * @param {ComfyNode} node
 * @param {() => void} add
 */
function keepAddedWidgets(node, add) {
  const { addDOMWidget } = node;
  /** @type {ComfyWidget[]} */
  const added = [];
  node.addDOMWidget = function (...given) {
    const widget = addDOMWidget.apply(this, given);
    added.push(widget);
    return widget;
  };
  try {
    add();
  } finally {
    // @ts-expect-error It was the prototype's method before.
    delete node.addDOMWidget;
  }
  const { get, value } = Object.getOwnPropertyDescriptor(node, "widgets") ?? {};
  /** @type {ComfyWidget[]} */
  let widgets = value ?? [];
  Object.defineProperty(node, "widgets", {
    get() {
      const present = get ? get.call(node) : widgets;
      const lost = added.filter((widget) => !present.includes(widget));
      if (get) return lost.length ? [...present, ...lost] : present;
      present.push(...lost); // 1.27 changes the list in place
      return present;
    },
    set(list) {
      widgets = list;
    },
    configurable: true,
    enumerable: true,
  });
}
