// @ts-check

/** Puts the server's texts into the words that the user sees in the node. */

import { inputTexts, key, labelOf } from "./locale.js";

/**
 * `text` with the names of the node's inputs, and the values of its lists in quotes, as the node shows them. A name that is
 * also a word of the language, like "folder", is only replaced after "Set".
 *
 * @param {ComfyNode} node
 * @param {string} text
 */
export function inWordsOfTheNode(node, text) {
  const names = new Set([...(node.inputs ?? []), ...(node.widgets ?? [])].map(({ name }) => name));
  let shown = text;
  for (const name of names) {
    const label = labelOf(node, name);
    if (label !== name) shown = shown.replace(mention(name), () => label);
  }
  const labels = optionLabels(node);
  return shown.replace(/(['"])([^'"]+)\1/g, (quoted, quote, value) => {
    const label = labels.get(value);
    return label ? `${quote}${label}${quote}` : quoted;
  });
}

/** @param {string} name */
function mention(name) {
  const escaped = name.replace(/[^\w]/g, "\\$&");
  return new RegExp(/_|filetype/.test(name) ? `(?<!\\w)${escaped}(?!\\w)` : `(?<=\\b[Ss]et )${escaped}(?!\\w)`, "g");
}

/**
 * @param {ComfyNode} node
 * @returns {Map<string, string>} the values that the lists show under another label
 */
function optionLabels(node) {
  const labels = new Map();
  const inputs = inputTexts(node.comfyClass);
  for (const { name, options } of node.widgets ?? []) {
    const shown = inputs[name]?.options ?? {};
    for (const value of Array.isArray(options?.values) ? options.values : []) {
      const label = shown[key(String(value))];
      if (label && label !== value) labels.set(String(value), label);
    }
  }
  return labels;
}
