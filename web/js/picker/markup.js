// @ts-check

import { escapeHtml, finder, svg } from "../player/dom.js";
import { addStyle } from "./style.js";

const UP = svg('<path d="M8 13.5v-10M3.5 8 8 3.5l4.5 4.5"/>');

/**
 * Fill the dialog, and find the elements that change.
 *
 * @param {HTMLDialogElement} dialog
 * @param {import("../player/fill.js").Translate} t
 */
export function build(dialog, t) {
  addStyle();
  dialog.className = "seqpicker";
  dialog.setAttribute("aria-label", t("Choose frames"));
  dialog.innerHTML = content(escaping(t));
  return findParts(dialog);
}

/**
 * @param {import("../player/fill.js").Translate} translate
 * @returns {(english: string) => string} the translation as HTML
 */
function escaping(translate) {
  return (english) => escapeHtml(translate(english));
}

/** @param {(english: string) => string} t */
function content(t) {
  return `<div class="seqpicker-content">
    <div class="seqpicker-roots" role="group" aria-label="${t("Start folders")}"></div>
    <div class="seqpicker-place">
      <button type="button" data-do="up" title="${t("Up one folder")}" aria-label="${t("Up one folder")}">${UP}</button>
      <span class="seqpicker-path"></span>
    </div>
    <input class="seqpicker-filter" type="text" role="combobox" aria-expanded="true" aria-controls="seqpicker-list"
      aria-autocomplete="list" aria-label="${t("Filter")}" placeholder="${t("Type to filter")}" autocomplete="off"
      spellcheck="false">
    <div class="seqpicker-message" role="alert"></div>
    <div class="seqpicker-main">
      <div class="seqpicker-list" id="seqpicker-list" role="listbox" aria-label="${t("Folders and sequences")}"></div>
      <div class="seqpicker-empty" role="status"></div>
      <div class="seqpicker-preview"><img alt="${t("The first frame of the selected sequence")}" hidden></div>
    </div>
    <div class="seqpicker-buttons">
      <span class="seqpicker-actions"></span>
      <button type="button" data-do="cancel">${t("Cancel")}</button>
      <button type="button" data-do="choose" class="seqpicker-primary" disabled>${t("Choose")}</button>
    </div>
  </div>`;
}

/** @param {HTMLElement} element */
function findParts(element) {
  const find = finder(element);
  return {
    roots: find(".seqpicker-roots", HTMLDivElement),
    up: find("[data-do=up]", HTMLButtonElement),
    path: find(".seqpicker-path", HTMLSpanElement),
    filter: find(".seqpicker-filter", HTMLInputElement),
    message: find(".seqpicker-message", HTMLDivElement),
    list: find(".seqpicker-list", HTMLDivElement),
    empty: find(".seqpicker-empty", HTMLDivElement),
    picture: find(".seqpicker-preview img", HTMLImageElement),
    actions: find(".seqpicker-actions", HTMLSpanElement),
    cancel: find("[data-do=cancel]", HTMLButtonElement),
    choose: find("[data-do=choose]", HTMLButtonElement),
  };
}
