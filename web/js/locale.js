// @ts-check

/**
 * What the pack's locales/ say in the user's language. The frontend's own way to texts is closed to extensions, so this
 * reads what it reads. After a change of language the frontend makes all nodes anew.
 *
 * @typedef {{ name?: string, tooltip?: string, options?: Record<string, string> }} InputTexts
 * @typedef {object} Texts
 * @property {Record<string, { inputs?: Record<string, InputTexts> }>} [nodeDefs]
 * @property {Record<string, string>} [imageSequencePlayer]
 */

import { app } from "../../../scripts/app.js";
import { api } from "../../../scripts/api.js";
import { fill } from "./player/fill.js";

/** @type {Record<string, Texts>} */
let languages = {};
/** @type {Promise<void> | undefined} */
let loading;
// The language that the labels of our nodes are drawn in. The setting may name another, that of the browser: a frontend
// without it draws English, and so do we.
let drawn = "";

/** To be awaited by an extension before its nodes are made. Without an answer everything stays English. */
export function loadLocales() {
  loading ??= api.fetchApi("/i18n").then(async (answer) => {
    if (answer.ok) languages = await answer.json();
  });
  return loading;
}

/**
 * To be called with each new node of the pack, before anything is said in it.
 *
 * @param {ComfyNode} node
 */
export function noteLanguage(node) {
  const language = setting();
  const inputs = languages[language]?.nodeDefs?.[node.comfyClass ?? ""]?.inputs ?? {};
  const isDrawn = Object.entries(inputs).some(
    ([name, { name: label }]) => label && label !== name && labelOf(node, name) === label,
  );
  if (isDrawn) drawn = language;
  else if (drawn === language) drawn = "";
}

/**
 * What the node shows as the name of its input: what the user called it, or the frontend's translation.
 *
 * @param {ComfyNode} node
 * @param {string} name
 * @returns {string}
 */
export function labelOf(node, name) {
  const input = node.inputs?.find((candidate) => candidate.name === name);
  const widget = node.widgets?.find((candidate) => candidate.name === name);
  return widget?.label || input?.label || input?.localized_name || name;
}

/**
 * Names, tooltips and options of the node's inputs, {} where there are none.
 *
 * @param {string | undefined} comfyClass
 * @returns {Record<string, InputTexts>}
 */
export function inputTexts(comfyClass) {
  return texts().nodeDefs?.[comfyClass ?? ""]?.inputs ?? {};
}

/**
 * What the player says: `english`, with `values` for its %placeholders%, where there is no translation.
 *
 * @type {import("./player/fill.js").Translate}
 */
export const t = (english, values) => fill(texts().imageSequencePlayer?.[key(english)] ?? english, values);

/**
 * A dot in a key leads into the next level.
 *
 * @param {string} text
 */
export function key(text) {
  return text.replaceAll(".", "_");
}

/** @returns {Texts} */
function texts() {
  const language = setting();
  return (language === drawn && languages[language]) || {};
}

function setting() {
  return app.extensionManager.setting.get("Comfy.Locale");
}
