// @ts-check

/**
 * What Check Image Sequence has found (io_utils/checking/report.py), as marks of the player.
 *
 * @typedef {object} Problem
 * @property {string} kind
 * @property {boolean} is_fault
 * @property {string} frames as ranges, "1005,1010-1012"; "" if no frame is concerned
 * @property {string} message in English
 * @property {import("./reports.js").Words} words the message, to be translated
 *
 * @typedef {object} Check
 * @property {Problem[]} problems
 *
 * @typedef {import("./player/sequence.js").FrameSpan} FrameSpan
 * @typedef {import("./player/sequence.js").Mark} Mark
 */

import { said, t } from "./locale.js";

/** @type {Record<string, () => string>} what is to be known about a frame, by kind of problem */
const LABELS = {
  missing: () => t("not on disk"),
  torn: () => t("unfinished file"),
  foreign: () => t("cannot be used"),
  broken: () => t("broken file"),
  unread: () => t("could not be checked"),
  format: () => t("another kind of file inside"),
  size: () => t("another size"),
  channels: () => t("other channels"),
  depth: () => t("another bit depth"),
  nan: () => t("NaN or infinite values"),
  graphs: () => t("another or unknown graph"),
  black: () => t("black or transparent"),
  same: () => t("same pixels as a neighbour"),
  keys: () => t("before or after changed keys"),
};

/**
 * @param {Check} [check]
 * @param {number[]} [missing] the frames that are not on disk; of many, `check` names fewer
 * @returns {Mark[]}
 */
export function marksOf(check, missing = []) {
  return (check?.problems ?? []).map(({ kind, is_fault: isFault, frames, message, words }) => {
    const text = said(words) || message;
    const spans = kind === "missing" && missing.length ? runsOf(missing) : spansOf(frames);
    return { spans, isFault, label: LABELS[kind]?.() ?? text, text };
  });
}

/**
 * @param {number[]} frames sorted
 * @returns {FrameSpan[]}
 */
function runsOf(frames) {
  /** @type {FrameSpan[]} */
  const runs = [];
  for (const frame of frames) {
    const run = runs.at(-1);
    if (run?.[1] === frame - 1) run[1] = frame;
    else runs.push([frame, frame]);
  }
  return runs;
}

/**
 * Frame numbers that are written as ranges (io_utils/naming/frame_range.py).
 *
 * @param {string} frames "1001-1003,1008"
 * @returns {FrameSpan[]}
 */
function spansOf(frames) {
  return frames.split(",").filter(Boolean).map((range) => {
    const [first, last = first] = range.split("-").map(Number);
    return /** @type {FrameSpan} */ ([first, last]);
  });
}
