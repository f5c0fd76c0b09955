// @ts-check

/**
 * The row that says what is to be known about the shown frame, or, for a frame without a mark, how many are marked. Its buttons
 * go from one marked range to the next.
 *
 * @typedef {import("./frame_marks.js").FrameMarks} FrameMarks
 * @typedef {import("./sequence.js").FrameSpan} FrameSpan
 * @typedef {import("./sequence.js").Mark} Mark
 *
 * @typedef {object} MarkRowParts
 * @property {HTMLElement} markRow
 * @property {HTMLButtonElement} previousMark
 * @property {HTMLButtonElement} nextMark
 * @property {HTMLElement} markText
 */

import { framesIn } from "./frame_marks.js";

export class MarkRow {
  #parts;
  #t;
  #shown = "";

  /**
   * @param {MarkRowParts} parts
   * @param {import("./fill.js").Translate} translate
   * @param {(direction: 1 | -1) => void} goToMark
   */
  constructor(parts, translate, goToMark) {
    this.#parts = parts;
    this.#t = translate;
    parts.previousMark.addEventListener("click", () => goToMark(-1));
    parts.nextMark.addEventListener("click", () => goToMark(1));
  }

  /**
   * @param {FrameMarks} marks
   * @param {number} frame
   * @param {number} step between frame numbers
   */
  update(marks, frame, step) {
    const { markRow, markText } = this.#parts;
    markRow.hidden = marks.isEmpty;
    if (marks.isEmpty) return;
    const here = marks.between(frame).map(({ mark }) => mark);
    const lines = here.length ? here : this.#legend(marks, step);
    const shown = JSON.stringify([here.length, lines.map(({ isFault, label }) => [isFault, label])]);
    if (shown === this.#shown) return;
    this.#shown = shown;
    markText.classList.toggle("seqplayer-legend", !here.length);
    markText.title = lines.map(({ text }) => text).join("\n");
    markText.replaceChildren(...lines.map(lineOf));
  }

  /**
   * @param {FrameMarks} marks
   * @param {number} step
   */
  #legend({ faults, remarks }, step) {
    const count = { faults: framesIn(faults, step), remarks: framesIn(remarks, step) };
    const faulty = this.#t(["%count% faulty frame", "%count% faulty frames"], { count: count.faults });
    const remarkable = this.#t(["%count% with a remark", "%count% with remarks"], { count: count.remarks });
    const lines = [
      { isFault: true, label: faulty, text: faulty },
      { isFault: false, label: remarkable, text: remarkable },
    ];
    return lines.filter(({ isFault }) => (isFault ? count.faults : count.remarks));
  }
}

/** @param {{ isFault: boolean, label: string }} mark */
export function lineOf({ isFault, label }) {
  const line = document.createElement("span");
  line.className = isFault ? "seqplayer-fault" : "seqplayer-remark";
  line.textContent = label;
  return line;
}
