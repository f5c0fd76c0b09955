// @ts-check

/** Buttons in nodes, drawn by ComfyUI. */

import { redrawWidgets } from "./renderer.js";

/**
 * Add a button below the widgets. It is in neither the workflow nor the prompt.
 *
 * @param {ComfyNode} node
 * @param {string} name
 * @param {string} label
 * @param {() => void} press
 */
export function addButton(node, name, label, press) {
  const button = node.addWidget("button", name, null, () => press(), { serialize: false });
  button.label = label;
  button.serialize = false;
  return button;
}

/**
 * @param {ComfyNode} node
 * @param {ComfyWidget} button
 * @param {string} label
 */
export function labelButton(node, button, label) {
  if (button.label === label) return;
  button.label = label;
  redrawWidgets(node);
}
