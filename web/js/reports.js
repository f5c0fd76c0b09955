// @ts-check

/**
 * Sequences as nodes report them (io_utils/comfyui/report.py), and as the player takes them.
 *
 * @typedef {object} Report
 * @property {string} pattern for Python's str.format, with one field for the frame number
 * @property {number} first frame number
 * @property {number} last frame number
 * @property {number} step
 * @property {number[]} missing
 * @property {string} type "output", "input" or "temp", and `subfolder` a path in there; or "", and `folder` an absolute path
 * @property {string} subfolder
 * @property {string} folder
 * @property {boolean} [linear] whether the files are scene-linear; absent in reports that an older version remembered
 * @property {boolean} [float] of a loader: whether the files are floating point
 * @property {string} [layer] of a loader: the layer that it loaded; empty for the picture
 * @property {import("./check_marks.js").Check} [check] of Check Image Sequence: what it has found
 * @property {number | null} fps
 * @property {string} [message] in English
 * @property {Words} [words] the message, to be translated; absent in reports that an older version remembered
 *
 * @typedef {[english: import("./player/fill.js").English, values: import("./player/fill.js").Values][]} Words texts, one
 *   per line
 *
 * @typedef {Report & { run: string }} RunReport a report and the run that it is from
 * @typedef {import("./player/sequence.js").Sequence} Sequence
 */

import { api } from "../../../scripts/api.js";
import { marksOf } from "./check_marks.js";

/**
 * @param {RunReport} report
 * @returns {Sequence}
 */
export function sequenceOf(report) {
  const { pattern, subfolder, type, folder, layer, run, check, missing } = report;
  /** @param {number} frame */
  const name = (frame) => frameName(pattern, frame);
  /** @param {number} frame */
  const query = (frame) => {
    const [below, filename] = splitPath(name(frame));
    const place = type ? ["subfolder", joinPath(subfolder, below)] : ["folder", joinPath(folder, below)];
    return [["type", type], place, ["filename", filename], ...(layer ? [["layer", layer]] : [])];
  };
  return {
    key: keyOf(report),
    label: joinPath(subfolder || folder, pattern.replace(/\{[^{}]*\}/g, "#")),
    // Frames that a check has missed at the ends are shown as missing.
    first: Math.min(report.first, ...(check ? missing.slice(0, 1) : [])),
    last: Math.max(report.last, ...(check ? missing.slice(-1) : [])),
    step: report.step,
    missing,
    marks: marksOf(check, missing),
    fps: report.fps,
    linear: Boolean(report.linear),
    pattern,
    name,
    path: (frame) => joinPath(folder || joinPath(type, subfolder), name(frame)),
    preview: (frame, size, stops) => previewUrl([...query(frame), ["size", String(size)], ...exposure(stops)], run),
    full: (frame, stops) => previewUrl([...query(frame), ...exposure(stops)], run),
  };
}

/**
 * The frame to show after a run: the one that it has added, or the first one on disk of a check, whose sequence may begin with
 * missing ones.
 *
 * @param {Report[]} reports of the run
 * @param {boolean} addsFrame whether each run adds a frame
 * @returns {number | undefined} undefined for the first of the sequence
 */
export function frameToShow([report], addsFrame) {
  if (report?.check) return report.first;
  return addsFrame ? report?.last : undefined;
}

/**
 * The URL of the workflow of a frame, as JSON: the one in the file, for files whose text the frontend does not read, or the
 * one in the workflow file beside it.
 *
 * @param {Sequence} sequence
 * @param {number} frame
 */
export function workflowUrl(sequence, frame) {
  const [url, fragment] = sequence.full(frame).split("#");
  const query = new URLSearchParams({ text: "workflow", pattern: sequence.pattern ?? "" });
  return `${url}&${query}#${fragment}`;
}

/**
 * `report`, of a node that saves or loads one frame per run, with the frames of the same files from `earlier` runs.
 *
 * @param {RunReport} report
 * @param {RunReport[]} earlier
 * @returns {RunReport}
 */
export function withEarlierFrames(report, earlier) {
  const before = earlier.find((other) => keyOf(other) === keyOf(report));
  if (!before || report.first !== report.last) return report;
  const frame = report.first;
  // Nothing is known about the frames in between; each is requested when it is viewed. Pictures are loaded again only if
  // their file may have been replaced.
  const isNew = frame < before.first || frame > before.last;
  return {
    ...report,
    first: Math.min(before.first, frame),
    last: Math.max(before.last, frame),
    step: joinedStep(before, frame),
    missing: [...new Set([...before.missing, ...report.missing])].filter((number) => number !== frame),
    run: isNew ? before.run : report.run,
  };
}

/**
 * The step of a range that one more frame joins. No run reports it, because each has one frame: it is the largest step
 * that reaches every frame so far. After 1001 and 1005 it is 4, after 1007 too it is 2.
 *
 * @param {Report} range
 * @param {number} frame
 */
function joinedStep({ first, last, step }, frame) {
  const known = first === last ? 0 : step; // a single frame has no step yet
  return greatestCommonDivisor(known, Math.abs(frame - first)) || 1;
}

/**
 * @param {number} a
 * @param {number} b
 * @returns {number}
 */
function greatestCommonDivisor(a, b) {
  return b ? greatestCommonDivisor(b, a % b) : a;
}

/**
 * The run is in the fragment, so that this page does not show pictures of an earlier run. The server never gets it; the
 * browser asks the server whether the file has changed, whoever wrote it.
 *
 * @param {string[][]} query names and values
 * @param {string} run
 */
function previewUrl(query, run) {
  return `${api.apiURL(`/image_sequence/preview?${new URLSearchParams(query)}`)}#${run}`;
}

/**
 * @param {number} [stops]
 * @returns {string[][]} nothing for 0, so that every picture has one URL
 */
function exposure(stops) {
  return stops ? [["exposure", String(stops)]] : [];
}

/** @param {Report} report */
function keyOf({ pattern, subfolder, type, folder }) {
  return [type, type ? subfolder : folder, pattern].join("|");
}

/**
 * Python's `pattern.format(frame)`, for the patterns in reports.
 *
 * @param {string} pattern
 * @param {number} frame
 */
function frameName(pattern, frame) {
  return pattern.replace(/\{\{|\}\}|\{\d*(?::0(\d+)d)?\}/g, (field, width) =>
    field === "{{" || field === "}}" ? field.slice(1) : String(frame).padStart(Number(width ?? 0), "0"),
  );
}

/** @param {string[]} parts */
function joinPath(...parts) {
  return parts.filter(Boolean).join("/");
}

/**
 * @param {string} path
 * @returns {[folder: string, name: string]}
 */
export function splitPath(path) {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? ["", path] : [path.slice(0, slash), path.slice(slash + 1)];
}
