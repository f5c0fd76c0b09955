// @ts-check

/**
 * The pack's locales/ in the user's language. Extensions cannot use the frontend's own translations, so this reads the
 * same files from the server. When the language changes, the frontend creates all nodes again.
 *
 * @typedef {{ name?: string, tooltip?: string, options?: Record<string, string> }} InputTexts
 * @typedef {object} Texts
 * @property {Record<string, { inputs?: Record<string, InputTexts> }>} [nodeDefs]
 * @property {Record<string, string>} [imageSequencePlayer]
 */

import { app } from "../../../scripts/app.js";
import { api } from "../../../scripts/api.js";
import { fill, pluralForm } from "./player/fill.js";

/** @type {Record<string, Texts>} */
let languages = {};
/** @type {Promise<void> | undefined} */
let loading;
// The language that the labels of our nodes are drawn in. The setting may name another, the browser's: a frontend that
// lacks it draws English, and so do we.
let drawn = "";

/** An extension awaits this before its nodes are created. Without an answer everything stays English. */
export function loadLocales() {
  loading ??= api.fetchApi("/i18n").then(async (answer) => {
    if (answer.ok) languages = await answer.json();
  });
  return loading;
}

/**
 * Find out from a new node of the pack which language is drawn. Call this before any text for it is translated.
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
 * The name of an input as the node shows it: the user's own, or the frontend's translation.
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
 * Translated names, tooltips and options of a node's inputs; {} if there are none.
 *
 * @param {string | undefined} comfyClass
 * @returns {Record<string, InputTexts>}
 */
export function inputTexts(comfyClass) {
  return texts().nodeDefs?.[comfyClass ?? ""]?.inputs ?? {};
}

/**
 * A text of the player in the user's language, or `english` if there is no translation, with `values` for its
 * %placeholders%.
 *
 * @type {import("./player/fill.js").Translate}
 */
export const t = (english, values) => inUsersLanguage(english, values);

/**
 * What a node said (io_utils/message.py), in the user's language.
 *
 * @param {import("./reports.js").Words} [words]
 */
export function said(words = []) {
  return words.map(([english, values]) => inUsersLanguage(english, values)).join("\n");
}

/** @type {import("./player/fill.js").Translate} */
function inUsersLanguage(english, values) {
  const language = drawn || "en";
  const text = pluralForm(english, values, language);
  return fill(texts().imageSequencePlayer?.[key(text)] ?? text, values, language);
}

/**
 * The key of a text in the locales. Dots are replaced: they would lead into the next level.
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
