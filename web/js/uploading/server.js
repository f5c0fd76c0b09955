// @ts-check

/**
 * Uploads through ComfyUI's own route, and the folder below input/ that they go into.
 *
 * @typedef {import("./frame_files.js").FrameFile} FrameFile
 */

import { api } from "../../../../scripts/api.js";
import { listFolder, ListingError } from "../folders.js";
import { t } from "../locale.js";
import { sequenceOf } from "../reports.js";

/**
 * Send one file to input/<folder>. The server gives a file another name if one of its name with other content is there.
 *
 * @param {import("./upload.js").Job} job
 * @param {AbortSignal} signal
 */
export async function sendFrame({ folder, frame }, signal) {
  const body = new FormData();
  body.append("image", frame.file, frame.name);
  body.append("subfolder", folder);
  body.append("type", "input");
  const response = await post(body, frame.file, signal);
  if (response.status === 413) {
    throw new Error(t("The file is larger than this ComfyUI accepts. Its start option --max-upload-size sets the limit."));
  }
  if (!response.ok) throw new Error(t("The server answered %status%.", { status: String(response.status) }));
  const { name } = await response.json();
  if (name !== frame.name) {
    throw new Error(t("The server saved it as %name%, because another file has its name.", { name: String(name) }));
  }
}

/**
 * @param {FormData} body
 * @param {File} file
 * @param {AbortSignal} signal
 */
async function post(body, file, signal) {
  try {
    return await api.fetchApi("/upload/image", { method: "POST", body, signal });
  } catch (error) {
    if (signal.aborted) throw error;
    // The browser reports a file that is gone or has changed like a broken connection.
    await file.slice(0, 1).arrayBuffer().catch(() => {
      throw new Error(t("The browser cannot read the file."));
    });
    throw new Error(t("The server does not answer."), { cause: error });
  }
}

/**
 * The first of `wanted`, `wanted`_2, ... in input/ that is not there, or that holds nothing but some of the frames. So frames
 * keep their names, and an upload that was cancelled is continued.
 *
 * @param {string} wanted
 * @param {FrameFile[]} frames
 * @param {AbortSignal} signal
 * @returns {Promise<{ folder: string, present: Set<string> }>} `present`: names of the frames that are there already
 */
export async function findFolder(wanted, frames, signal) {
  for (let number = 1; ; number++) {
    const folder = number === 1 ? wanted : `${wanted}_${number}`;
    try {
      const answer = await listFolder({ type: "input", path: folder }, signal);
      const present = answer.is_complete && !answer.folders.length ? namesIn(answer) : [];
      if (present.length && (await areIdentical(folder, present, frames, signal))) return { folder, present: new Set(present) };
    } catch (error) {
      if (error instanceof ListingError && error.status === 404) return { folder, present: new Set() };
      throw error;
    }
  }
}

/**
 * Whether each of these files is one of the frames, byte for byte.
 *
 * @param {string} folder
 * @param {string[]} present
 * @param {FrameFile[]} frames
 * @param {AbortSignal} signal
 */
async function areIdentical(folder, present, frames, signal) {
  const files = new Map(frames.map(({ name, file }) => [name, file]));
  if (!present.every((name) => files.has(name))) return false;
  for (const name of present) {
    const query = new URLSearchParams([["type", "input"], ["subfolder", folder], ["filename", name]]);
    const response = await api.fetchApi(`/view?${query}`, { signal, cache: "no-store" });
    const file = files.get(name);
    if (!response.ok || !file || !haveSameBytes(await response.arrayBuffer(), await file.arrayBuffer())) return false;
  }
  return true;
}

/**
 * The names of all frames in a folder.
 *
 * @param {import("../folders.js").Answer} answer
 */
function namesIn({ sequences }) {
  return sequences.flatMap(({ pattern, first, last, ranges }) => {
    const { name } = sequenceOf({
      pattern, first, last, step: 1, missing: [], type: "input", subfolder: "", folder: "", fps: null, run: "",
    });
    return numbersIn(ranges).map(name);
  });
}

/**
 * 1001, 1002, 1004 for "1001-1002,1004". A range may have a step: "1-9x2".
 *
 * @param {string} ranges
 */
function numbersIn(ranges) {
  return ranges.split(",").flatMap((range) => {
    const [, first, last = first, step = "1"] = /^\s*(\d+)(?:-(\d+)(?:x(\d+))?)?\s*$/.exec(range) ?? [];
    const count = first === undefined ? 0 : Math.floor((Number(last) - Number(first)) / Number(step)) + 1;
    return Array.from({ length: count }, (_, index) => Number(first) + index * Number(step));
  });
}

/**
 * @param {ArrayBuffer} a
 * @param {ArrayBuffer} b
 */
function haveSameBytes(a, b) {
  if (a.byteLength !== b.byteLength) return false;
  const [left, right] = [new Uint8Array(a), new Uint8Array(b)];
  return left.every((byte, index) => byte === right[index]);
}
