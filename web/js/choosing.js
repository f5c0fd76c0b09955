// @ts-check

/**
 * Which widgets of a node say where its frames are, and how a choice gets into them.
 *
 * @typedef {import("./folders.js").Place} Place
 * @typedef {import("./folders.js").Choice} Choice
 *
 * @typedef {object} Kind
 * @property {string} decisive name of the widget without which a choice has no effect
 * @property {string[]} types of the folders to choose from, as in Place
 * @property {(node: ComfyNode) => Place} pointsAt where the widgets point
 * @property {(choice: Choice) => Record<string, unknown>} values of the widgets, by name
 */

import { app } from "../../../scripts/app.js";
import { hashes } from "./folders.js";
import { isLinked } from "./node_values.js";

const ANYWHERE = ["output", "input", "temp", ""];

/** @type {Kind} */
const BATCH = {
  decisive: "path_pattern",
  types: ANYWHERE,
  pointsAt: (node) => placeAt(text(node, "folder"), folderOf(text(node, "path_pattern"))),
  values: ({ place, sequence }) => ({
    ...(place.type ? { folder: place.type } : {}),
    path_pattern: hashes(sequence.path_pattern),
    start_index: sequence.first,
    frame_count: 0,
    frames: "",
  }),
};

/** @type {Record<string, Kind>} */
const KINDS = {
  ImageSequenceLoadBatch: BATCH,
  ImageSequenceCheck: BATCH,
  ImageSequenceLoadFrame: {
    decisive: "pattern",
    types: ANYWHERE,
    pointsAt: (node) => placeAt(text(node, "folder"), text(node, "directory_path")),
    values: ({ place, sequence }) => ({
      ...(place.type ? { folder: place.type } : {}),
      directory_path: place.path,
      pattern: hashes(sequence.pattern),
      frame_number: sequence.first,
    }),
  },
  // It counts what savers have written, so only where they write is of use.
  ImageSequenceFrameCounterFromDirectory: {
    decisive: "pattern",
    types: ["output", ""],
    pointsAt: (node) => placeAt("output", text(node, "directory_path")),
    values: ({ place, sequence }) => ({ directory_path: place.path, pattern: hashes(sequence.pattern) }),
  },
};

/**
 * How frames are chosen in a node, or undefined for a node that has none to choose.
 *
 * @param {ComfyNode} node
 */
export function kindOf(node) {
  return KINDS[node.comfyClass ?? ""];
}

/**
 * Set the widgets as if the user had typed the values, in one step that can be undone. Linked widgets, and those that this
 * version of the node lacks, are left alone.
 *
 * @param {ComfyNode} node
 * @param {Choice} choice
 */
export function fillIn(node, choice) {
  const values = kindOf(node)?.values(choice) ?? {};
  app.canvas.emitBeforeChange();
  try {
    for (const [name, value] of Object.entries(values)) {
      const widget = node.widgets?.find((candidate) => candidate.name === name);
      if (!widget || isLinked(node, name)) continue;
      widget.value = value;
      widget.callback?.(value, app.canvas, node);
    }
  } finally {
    app.canvas.emitAfterChange();
  }
  node.graph?.setDirtyCanvas(true, true);
}

/**
 * @param {ComfyNode} node
 * @param {string} name
 */
function text(node, name) {
  return String(node.widgets?.find((widget) => widget.name === name)?.value ?? "").trim();
}

/**
 * @param {string} type
 * @param {string} path relative or absolute
 * @returns {Place}
 */
function placeAt(type, path) {
  const written = path.replaceAll("\\", "/");
  const isAbsolute = written.startsWith("/") || /^[a-z]:\//i.test(written);
  return { type: isAbsolute ? "" : type, path: written.replace(/\/+$/, "") };
}

/**
 * The folder of a pattern. A last part that is no file name, because it has neither an extension nor a frame number, is a
 * folder itself.
 *
 * @param {string} pattern
 */
function folderOf(pattern) {
  const written = pattern.replaceAll("\\", "/");
  const slash = written.lastIndexOf("/");
  if (!/[.#{%@$*]/.test(written.slice(slash + 1))) return written;
  return written.slice(0, Math.max(slash, 0));
}
