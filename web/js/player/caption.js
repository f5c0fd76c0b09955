// @ts-check

/**
 * The line below the slider: frame number, last frame, file name.
 *
 * @typedef {import("./sequence.js").Sequence} Sequence
 *
 * @typedef {object} CaptionParts
 * @property {HTMLElement} number
 * @property {HTMLElement} last
 * @property {HTMLElement} name
 */

import { write } from "./dom.js";
import { frameCount, lastFrame } from "./sequence.js";

/**
 * @param {CaptionParts} parts
 * @param {Sequence} sequence
 * @param {number} frame
 * @param {boolean} isProblem can the frame not be shown?
 */
export function updateCaption({ number, last, name }, sequence, frame, isProblem) {
  write(number, String(frame));
  number.classList.toggle("seqplayer-missing", isProblem);
  write(last, frameCount(sequence) === 1 ? "" : ` / ${lastFrame(sequence)}`);
  write(name, sequence.name(frame));
  name.title = sequence.path(frame);
}
