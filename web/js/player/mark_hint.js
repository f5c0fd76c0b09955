// @ts-check

/** What is to be known about the frames under the pointer, over the slider. */

import { clamp } from "./clamp.js";
import { lineOf } from "./mark_row.js";
import { THUMB_PX } from "./marks.js";
import { nearestFrame } from "./sequence.js";

const REACH_PX = 3; // left and right of the pointer
const MOST_SPANS = 3; // in a line

/**
 * @param {{ slider: HTMLInputElement, markHint: HTMLElement }} parts
 * @param {{ sequence: import("./sequence.js").Sequence | null, marks: import("./frame_marks.js").FrameMarks }} shown
 */
export function listenToMarks({ slider, markHint }, shown) {
  slider.addEventListener("pointermove", ({ clientX }) => {
    const { sequence, marks } = shown;
    const found = sequence ? marksAt(sequence, marks, slider, clientX) : [];
    markHint.hidden = !found.length;
    markHint.replaceChildren(...found.map(({ mark, spans }) => {
      return lineOf({ ...mark, label: `${spansText(spans)}: ${mark.label}` });
    }));
    const { left, width } = slider.getBoundingClientRect();
    markHint.style.setProperty("--at", String(clamp((clientX - left) / width, 0, 1)));
  });
  for (const end of ["pointerleave", "pointercancel"]) slider.addEventListener(end, () => (markHint.hidden = true));
}

/**
 * @param {import("./sequence.js").Sequence} sequence
 * @param {import("./frame_marks.js").FrameMarks} marks
 * @param {HTMLInputElement} slider
 * @param {number} x in pixels of the page
 */
function marksAt(sequence, marks, slider, x) {
  const { left, width } = slider.getBoundingClientRect();
  const scale = width / slider.clientWidth; // the page may be zoomed
  const track = { left: left + (THUMB_PX / 2) * scale, width: width - THUMB_PX * scale };
  /** @param {number} at */
  const frameAt = (at) => nearestFrame(sequence, sequence.first + ((at - track.left) / track.width) * (sequence.last - sequence.first));
  const here = marks.between(frameAt(x));
  return here.length ? here : marks.between(frameAt(x - REACH_PX * scale), frameAt(x + REACH_PX * scale));
}

/** @param {import("./sequence.js").FrameSpan[]} spans */
function spansText(spans) {
  const shown = spans.slice(0, MOST_SPANS).map(([first, last]) => (first === last ? String(first) : `${first}-${last}`));
  return shown.join(",") + (spans.length > MOST_SPANS ? ",…" : "");
}
