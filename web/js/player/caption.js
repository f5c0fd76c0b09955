// @ts-check

/**
 * The line below the slider: frame number, last frame, file name. The number is a field, too: who types another goes there.
 *
 * @typedef {import("./sequence.js").Sequence} Sequence
 *
 * @typedef {object} CaptionParts
 * @property {HTMLElement} view takes the focus after the field, so that the keys step on from there
 * @property {HTMLElement} number
 * @property {HTMLInputElement} frame the field
 * @property {HTMLElement} last
 * @property {HTMLElement} name
 */

import { write } from "./dom.js";
import { frameCount, lastFrame } from "./sequence.js";

/**
 * Let the user type a frame number. Enter and leaving the field go there, Escape does not.
 *
 * @param {CaptionParts} parts
 * @param {(frame: number) => void} seek
 */
export function listenToFrame({ view, number, frame }, seek) {
  const restore = () => (frame.value = number.textContent);
  frame.addEventListener("focus", () => {
    restore();
    frame.select();
  });
  frame.addEventListener("change", () => {
    if (/^\s*\d+\s*$/.test(frame.value)) seek(Number(frame.value));
  });
  frame.addEventListener("blur", restore);
  frame.addEventListener("keydown", (event) => {
    if (event.key === "Escape") restore();
    else if (event.key !== "Enter") return;
    event.stopPropagation();
    view.focus(); // the field changes when it loses the focus
  });
}

/**
 * @param {CaptionParts} parts
 * @param {Sequence} sequence
 * @param {number} frame
 * @param {boolean} isProblem whether the frame cannot be shown
 */
export function updateCaption({ number, frame: field, last, name }, sequence, frame, isProblem) {
  write(number, String(frame));
  if (document.activeElement !== field) field.value = String(frame);
  number.classList.toggle("seqplayer-missing", isProblem);
  write(last, frameCount(sequence) === 1 ? "" : ` / ${lastFrame(sequence)}`);
  write(name, sequence.name(frame));
  name.title = sequence.path(frame);
}
