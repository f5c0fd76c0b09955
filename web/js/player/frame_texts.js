// @ts-check

/**
 * The player's texts about a frame, in the user's language.
 *
 * @typedef {import("./sequence.js").Sequence} Sequence
 * @typedef {import("./fill.js").Translate} Translate
 */

/**
 * @param {Translate} t
 * @param {Sequence} sequence
 * @param {number} frame
 */
export function frameLabel(t, sequence, frame) {
  return t("Frame %frame%, %name%", { frame: String(frame), name: sequence.name(frame) });
}

/**
 * `label`, with what is to be known about the frame.
 *
 * @param {string} label
 * @param {import("./frame_marks.js").FoundMark[]} found
 */
export function markedLabel(label, found) {
  return [label, ...found.map(({ mark }) => mark.label)].join(", ");
}

/**
 * Why a frame cannot be shown, or "".
 *
 * @param {Translate} t
 * @param {import("./sequence.js").Picture} picture
 * @param {"missing" | import("./frame_cache.js").FrameError | null} problem
 */
export function problemText(t, { sequence, frame }, problem) {
  if (!problem) return "";
  if (problem === "missing") return t("Frame %frame% is not on disk.", { frame: String(frame) });
  return failureText(t, sequence.name(frame), problem);
}

/**
 * @param {Translate} t
 * @param {string} name of the file
 * @param {import("./frame_cache.js").FrameError} failure
 */
function failureText(t, name, { message, status }) {
  if (message) return message;
  if (status === 0) return t("The server does not answer.");
  if (status === 404) return t("%name% is gone.", { name });
  if (status === 415) return t("The browser cannot decode this file.");
  return t("The server answered %status%.", { status: String(status) });
}
