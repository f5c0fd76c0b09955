// @ts-check

/**
 * Which frames of a sequence are marked, and what is to be known about them. Uses no DOM. A question costs no more for ten
 * thousand marked frames than for ten: marks are ranges, in order.
 *
 * @typedef {import("./sequence.js").FrameRange} FrameRange
 * @typedef {import("./sequence.js").FrameSpan} FrameSpan
 * @typedef {import("./sequence.js").Mark} Mark
 *
 * @typedef {object} FoundMark
 * @property {Mark} mark
 * @property {FrameSpan[]} spans those of the mark that were asked about
 */

import { frameCount, lastFrame } from "./sequence.js";

export class FrameMarks {
  /** Ranges of the marked frames, each frame once. */
  faults;
  remarks;

  #marks;
  /** @type {number[]} the first frame of each marked range, in order */
  #starts;

  /** @param {FrameRange & { marks?: Mark[] } | null} sequence what lies outside its range is left out */
  constructor(sequence) {
    this.#marks = sequence?.marks?.length ? marksWithin(sequence, sequence.marks) : [];
    this.faults = joined(this.#marks.filter(({ isFault }) => isFault));
    this.remarks = joined(this.#marks.filter(({ isFault }) => !isFault));
    const starts = this.#marks.flatMap(({ spans }) => spans.map(([first]) => first));
    this.#starts = [...new Set(starts)].sort((a, b) => a - b);
  }

  get isEmpty() {
    return !this.#starts.length;
  }

  /**
   * The marks on these frames, those for faults first.
   *
   * @param {number} first frame number
   * @param {number} [last]
   * @returns {FoundMark[]}
   */
  between(first, last = first) {
    const found = [];
    for (const mark of this.#marks) {
      const spans = overlapping(mark.spans, first, last);
      if (spans.length) found.push({ mark, spans });
    }
    return found;
  }

  /**
   * Where the marked range after or before `frame` begins. After the last comes the first.
   *
   * @param {number} frame
   * @param {1 | -1} direction
   * @returns {number | null} null if nothing is marked
   */
  startFrom(frame, direction) {
    const starts = this.#starts;
    const at = direction > 0 ? indexFrom(starts, (start) => start > frame) : indexFrom(starts, (start) => start >= frame) - 1;
    return starts[(at + starts.length) % starts.length] ?? null;
  }
}

/**
 * The number of frames in ranges.
 *
 * @param {FrameSpan[]} spans
 * @param {number} step between frame numbers
 */
export function framesIn(spans, step) {
  return spans.reduce((count, [first, last]) => count + frameCount({ first, last, step }), 0);
}

/**
 * @param {FrameRange} range
 * @param {Mark[]} marks
 */
function marksWithin(range, marks) {
  const kept = marks.map((mark) => ({ ...mark, spans: spansWithin(range, mark.spans) }));
  return kept.filter(({ spans }) => spans.length).sort((a, b) => Number(b.isFault) - Number(a.isFault));
}

/**
 * @param {FrameRange} range
 * @param {FrameSpan[]} spans
 * @returns {FrameSpan[]}
 */
function spansWithin(range, spans) {
  const start = range.first;
  const end = lastFrame(range);
  return overlapping(spans, start, end).map(([first, last]) => [Math.max(first, start), Math.min(last, end)]);
}

/**
 * @param {FrameSpan[]} spans in order
 * @param {number} first
 * @param {number} last
 */
function overlapping(spans, first, last) {
  const from = indexFrom(spans, (span) => span[1] >= first);
  const found = [];
  for (let at = from; at < spans.length; at++) {
    const span = spans[at];
    if (!span || span[0] > last) break;
    found.push(span);
  }
  return found;
}

/**
 * The ranges of several marks as ranges that do not overlap.
 *
 * @param {Mark[]} marks
 * @returns {FrameSpan[]}
 */
function joined(marks) {
  /** @type {FrameSpan[]} */
  const spans = [];
  for (const [first, last] of marks.flatMap((mark) => mark.spans).sort(([a], [b]) => a - b)) {
    const before = spans.at(-1);
    if (before && first <= before[1]) before[1] = Math.max(before[1], last);
    else spans.push([first, last]);
  }
  return spans;
}

/**
 * The index of the first item that `passes`, by halves: after it, all do. Without one, the number of items.
 *
 * @template T
 * @param {T[]} items
 * @param {(item: T) => boolean} passes
 */
function indexFrom(items, passes) {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (passes(/** @type {T} */ (items[middle]))) high = middle;
    else low = middle + 1;
  }
  return low;
}
