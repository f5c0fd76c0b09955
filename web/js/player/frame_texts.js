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
 * @param {Translate} t
 * @param {number} frame
 */
export function missingText(t, frame) {
  return t("Frame %frame% is not on disk.", { frame: String(frame) });
}

/**
 * @param {Translate} t
 * @param {string} name of the file
 * @param {import("./frame_cache.js").FrameError} failure
 */
export function failureText(t, name, { message, status }) {
  if (message) return message;
  if (status === 0) return t("The server does not answer.");
  if (status === 404) return t("%name% is gone.", { name });
  if (status === 415) return t("The browser cannot decode this file.");
  return t("The server answered %status%.", { status: String(status) });
}
