// @ts-check

/**
 * What the browse route says of a folder (io_utils/comfyui/browse.py), for the picker.
 *
 * @typedef {object} Place a folder below ComfyUI's output, input or temp folder, or an absolute one
 * @property {string} type "output", "input", "temp", or "" for an absolute folder
 * @property {string} path below that folder, with "/" between names; or absolute
 *
 * @typedef {object} ListedSequence
 * @property {string} pattern file names, for example "f_{:04d}.png"
 * @property {string} path_pattern as Load Image Sequence (Batch) takes it
 * @property {number} first
 * @property {number} last
 * @property {number} count
 * @property {string} ranges
 * @property {number | null} [missing] how many between the first and the last; null if the listing is not complete
 *
 * @typedef {object} Answer
 * @property {string} type
 * @property {string} subfolder
 * @property {string} folder absolute
 * @property {{ type: string, folder: string }[]} roots
 * @property {string[]} folders
 * @property {ListedSequence[]} sequences
 * @property {boolean} is_complete
 *
 * @typedef {{ place: Place, sequence: ListedSequence }} Choice
 */

import { api } from "../../../scripts/api.js";
import { t } from "./locale.js";
import { sequenceOf } from "./reports.js";

const PREVIEW_SIZE = 256; // pixels

/**
 * Thrown when the server does not list a folder. `status` is the answer's, or 0 without an answer.
 */
export class ListingError extends Error {
  /**
   * @param {string} message
   * @param {number} status
   */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/**
 * @param {Place} place
 * @param {AbortSignal} [signal]
 * @returns {Promise<Answer>}
 */
export async function listFolder({ type, path }, signal) {
  const query = new URLSearchParams([["type", type], [type ? "subfolder" : "folder", path]]);
  /** @type {Response} */
  let response;
  try {
    response = await api.fetchApi(`/image_sequence/browse?${query}`, { signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ListingError(t("The server does not answer."), 0);
  }
  if (response.ok) return response.json();
  const isOurs = response.headers.get("Content-Type")?.startsWith("text/plain");
  const why = isOurs ? (await response.text()).trim() : "";
  throw new ListingError(why || t("The server answered %status%.", { status: String(response.status) }), response.status);
}

/**
 * @param {Answer} answer
 * @param {string[]} types of the roots to offer
 * @returns {import("./picker/picker.js").Listing}
 */
export function listingOf(answer, types) {
  const place = placeOf(answer);
  const root = answer.roots.find(({ type, folder }) => type === place.type && (type || isInside(place.path, folder)));
  return {
    path: place.type ? [place.type, place.path].filter(Boolean).join("/") : place.path,
    parent: parentOf(place, root?.folder),
    roots: answer.roots
      .filter(({ type }) => types.includes(type))
      .map((other) => ({
        name: other.type || other.folder,
        place: { type: other.type, path: other.type ? "" : other.folder },
        isHere: other === root,
      })),
    folders: answer.folders.map((name) => ({ name, place: { ...place, path: below(place.path, name) } })),
    sequences: answer.sequences.map((sequence) => describe(place, sequence)),
    isComplete: answer.is_complete,
  };
}

/**
 * @param {Answer} answer
 * @returns {Place}
 */
export function placeOf({ type, subfolder, folder }) {
  return { type, path: type ? subfolder : folder };
}

/**
 * A pattern with # for each digit of the frame number, as people write them; with braces if # would be misread.
 *
 * @param {string} pattern
 */
export function hashes(pattern) {
  const field = /\{(?::0?(\d*)d)?\}/.exec(pattern);
  if (!field || /[#%@$*|]|\{\{|\}\}|\[\{[^}]*\}\]/.test(pattern)) return pattern;
  return pattern.replace(field[0], "#".repeat(Number(field[1] || 1)));
}

/**
 * @param {Place} place
 * @param {ListedSequence} sequence
 * @returns {import("./picker/picker.js").Sequence}
 */
function describe(place, sequence) {
  const { pattern, first, last, count, ranges, missing } = sequence;
  const where = place.type ? { subfolder: place.path, folder: "" } : { subfolder: "", folder: place.path };
  const shown = sequenceOf({ pattern, first, last, step: 1, missing: [], type: place.type, ...where, fps: null, run: "" });
  return {
    name: hashes(pattern),
    count,
    ranges,
    missing: missing === null ? 0 : last - first + 1 - count, // null: unknown, because the listing is not complete
    picture: shown.preview(first, PREVIEW_SIZE),
    value: { place, sequence },
  };
}

/**
 * @param {Place} place
 * @param {string} [root] the absolute folder that it is in
 * @returns {import("./picker/picker.js").Folder | null}
 */
function parentOf({ type, path }, root) {
  const isRoot = type ? !path : !root || stripped(path) === stripped(root);
  if (isRoot) return null;
  const parent = stripped(path).replace(/[\\/]?[^\\/]*$/, "");
  return { name: parent, place: { type, path: parent } };
}

/**
 * @param {string} path
 * @param {string} root
 */
function isInside(path, root) {
  return `${stripped(path)}/`.replaceAll("\\", "/").startsWith(`${stripped(root)}/`.replaceAll("\\", "/"));
}

/**
 * @param {string} path
 * @param {string} name
 */
function below(path, name) {
  return path ? `${stripped(path)}/${name}` : name;
}

/** @param {string} path */
function stripped(path) {
  return path.replace(/[\\/]+$/, "");
}
