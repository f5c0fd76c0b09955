// @ts-check

/** @typedef {ReturnType<typeof build>} Parts the elements of a player that change */

import { escapeHtml, finder, icon } from "./dom.js";

/**
 * Fill the element of a player.
 *
 * @param {HTMLElement} element
 * @param {import("./fill.js").Translate} t
 */
export function build(element, t) {
  addStyle();
  element.className = "seqplayer";
  element.setAttribute("role", "group");
  element.setAttribute("aria-label", t("Image sequence"));
  const html = escaping(t);
  element.innerHTML = stage(html) + transport(html) + exposure(html) + marks(html) + caption(html) + texts(html);
  return findParts(element);
}

/**
 * @param {(english: string) => string} translate
 * @returns {(english: string) => string} the translation as HTML
 */
function escaping(translate) {
  return (english) => escapeHtml(translate(english));
}

/** @param {(english: string) => string} t */
function stage(t) {
  return `
  <div class="seqplayer-stage">
    <div class="seqplayer-view" tabindex="0" role="img" title="${t("Drag to scrub, double-click for 100 %")}">
      <canvas></canvas>
      <div class="seqplayer-note" hidden></div>
    </div>
    <select class="seqplayer-choice" aria-label="${t("Sequence")}" hidden></select>
    <div class="seqplayer-tools">
      <button type="button" data-do="zoom"></button>
      <a data-do="open" target="_blank" rel="noopener" title="${t("Open this frame in a new tab")}"
        aria-label="${t("Open this frame in a new tab")}">${icon("open")}</a>
      <button type="button" data-do="copy" title="${t("Copy the path of this frame")}"
        aria-label="${t("Copy the path of this frame")}">${icon("copy")}</button>
    </div>
  </div>`;
}

/** @param {(english: string) => string} t */
function transport(t) {
  return `
  <div class="seqplayer-transport">
    <button type="button" data-do="play"></button>
    <div class="seqplayer-slider">
      <input type="range" aria-label="${t("Frame")}">
      <canvas aria-hidden="true"></canvas>
      <div class="seqplayer-hint" aria-hidden="true" hidden></div>
    </div>
    <button type="button" data-do="mode"></button>
    <label class="seqplayer-fps" title="${t("Frames per second")}"
      ><input type="number" min="1" step="any" aria-label="${t("Frames per second")}"><span>${t("fps")}</span></label>
  </div>`;
}

/** @param {(english: string) => string} t */
function exposure(t) {
  const title = t("Exposure: + and - change it, 0 or a double-click resets it. Files are not changed.");
  return `
  <div class="seqplayer-exposure" title="${title}" hidden>
    ${icon("exposure")}
    <div class="seqplayer-slider"><input type="range" aria-label="${t("Exposure")}"></div>
    <span class="seqplayer-stops"></span>
  </div>`;
}

/** @param {(english: string) => string} t */
function marks(t) {
  const [previous, next] = [t("Previous fault or remark (P)"), t("Next fault or remark (N)")];
  return `
  <div class="seqplayer-marks" hidden>
    <button type="button" data-do="previous-mark" title="${previous}" aria-label="${previous}">${icon("previous")}</button>
    <button type="button" data-do="next-mark" title="${next}" aria-label="${next}">${icon("next")}</button>
    <span class="seqplayer-mark"></span>
  </div>`;
}

/**
 * The field for the frame lies over the number, which gives it its width.
 *
 * @param {(english: string) => string} t
 */
function caption(t) {
  return `
  <div class="seqplayer-caption">
    <span class="seqplayer-frame" title="${t("Type a frame number to go there")}"
      ><span class="seqplayer-number" aria-hidden="true"></span
      ><input type="text" inputmode="numeric" autocomplete="off" aria-label="${t("Go to frame")}"></span
    ><span class="seqplayer-last"></span>
    <span class="seqplayer-name"></span>
  </div>`;
}

/** @param {(english: string) => string} t */
function texts(t) {
  return `
  <div class="seqplayer-message" role="status"></div>
  <div class="seqplayer-alert">
    <div class="seqplayer-error" role="alert" tabindex="0"></div>
    <button type="button" data-do="copy-error" title="${t("Copy this text")}"
      aria-label="${t("Copy this text")}">${icon("copy")}</button>
  </div>`;
}

/** @param {HTMLElement} element */
function findParts(element) {
  const find = finder(element);
  return {
    view: find(".seqplayer-view", HTMLDivElement),
    picture: find(".seqplayer-view canvas", HTMLCanvasElement),
    note: find(".seqplayer-note", HTMLDivElement),
    choice: find(".seqplayer-choice", HTMLSelectElement),
    tools: find(".seqplayer-tools", HTMLDivElement),
    transport: find(".seqplayer-transport", HTMLDivElement),
    slider: find(".seqplayer-transport .seqplayer-slider input", HTMLInputElement),
    marks: find(".seqplayer-slider canvas", HTMLCanvasElement),
    markHint: find(".seqplayer-hint", HTMLDivElement),
    fps: find(".seqplayer-fps input", HTMLInputElement),
    exposureRow: find(".seqplayer-exposure", HTMLDivElement),
    exposure: find(".seqplayer-exposure input", HTMLInputElement),
    stops: find(".seqplayer-stops", HTMLSpanElement),
    markRow: find(".seqplayer-marks", HTMLDivElement),
    previousMark: find("[data-do=previous-mark]", HTMLButtonElement),
    nextMark: find("[data-do=next-mark]", HTMLButtonElement),
    markText: find(".seqplayer-mark", HTMLSpanElement),
    number: find(".seqplayer-number", HTMLSpanElement),
    frame: find(".seqplayer-frame input", HTMLInputElement),
    last: find(".seqplayer-last", HTMLSpanElement),
    name: find(".seqplayer-name", HTMLSpanElement),
    message: find(".seqplayer-message", HTMLDivElement),
    error: find(".seqplayer-error", HTMLDivElement),
    copyError: find("[data-do=copy-error]", HTMLButtonElement),
    play: find("[data-do=play]", HTMLButtonElement),
    mode: find("[data-do=mode]", HTMLButtonElement),
    zoom: find("[data-do=zoom]", HTMLButtonElement),
    open: find("[data-do=open]", HTMLAnchorElement),
    copy: find("[data-do=copy]", HTMLButtonElement),
  };
}

/** Once in a page. */
function addStyle() {
  const { href } = new URL("./sequence_player.css", import.meta.url);
  if (document.querySelector(`link[href="${href}"]`)) return;
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = href;
  document.head.append(link);
}
