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
import { fill } from "./fill.js";

/** @type {Record<string, Texts>} */
let languages = {};
/** @type {Promise<void> | undefined} */
let loading;

/** To be awaited by an extension before its nodes are made. Without an answer everything stays English. */
export function loadLocales() {
  loading ??= api.fetchApi("/i18n").then(async (answer) => {
    if (answer.ok) languages = await answer.json();
  });
  return loading;
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
 * What the player says, with `values` for the %placeholders% in it: `english` where there is no translation.
 *
 * @param {string} english
 * @param {import("./fill.js").Values} [values]
 */
export function translate(english, values) {
  return fill(texts().imageSequencePlayer?.[key(english)] ?? english, values);
}

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
  return languages[app.extensionManager.setting.get("Comfy.Locale")] ?? {};
}
