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
  foreign: () => t("not an image"),
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
};

/**
 * @param {Check} [check]
 * @returns {Mark[]}
 */
export function marksOf(check) {
  return (check?.problems ?? []).map(({ kind, is_fault: isFault, frames, message, words }) => {
    const text = said(words) || message;
    return { spans: spansOf(frames), isFault, label: LABELS[kind]?.() ?? text, text };
  });
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
