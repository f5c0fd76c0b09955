// @ts-check

import { forwardDrops, forwardToCanvas, setOwner } from "./renderer.js";

// Pixels above and below a widget's element that the canvas takes from its height.
const MARGIN = 10;

/**
 * Put a player into a new node, as a widget that neither workflows nor prompts contain.
 *
 * @param {ComfyNode} node
 * @param {import("./player/sequence_player.js").SequencePlayer} player
 * @returns {ComfyWidget} hidden, until there is something to see
 */
export function addPlayerWidget(node, player) {
  const widget = node.addDOMWidget("sequence_player", "sequence_player", player.element, {
    serialize: false, // not into the prompt
    hideOnZoom: false,
    hideInPanel: true,
    margin: MARGIN,
    getMinHeight: () => player.minHeight && player.minHeight + 2 * MARGIN,
    getValue: () => "",
    setValue() {},
  });
  widget.serialize = false; // not into the workflow
  widget.hidden = true;
  setOwner(player.element, node);
  forwardToCanvas(player.element);
  forwardDrops(player.element, node);
  return widget;
}
