// @ts-check

/**
 * What a look has found, in words.
 *
 * @typedef {import("./node_look.js").Facts} Facts
 */

import { t } from "./locale.js";
import { inWordsOfTheNode } from "./wording.js";

/**
 * What a node's player says below the picture.
 *
 * @param {ComfyNode} node
 * @param {import("./node_look.js").Look | null} look
 * @param {string} ofRun the message of a run with these values, or ""
 * @returns {string} "" if there is nothing to say
 */
export function textBelow(node, look, ofRun) {
  return [ofRun, look ? lookText(node, look, Boolean(ofRun)) : ""].filter(Boolean).join("\n");
}

/**
 * @param {ComfyNode} node
 * @param {import("./node_look.js").Look} look
 * @param {boolean} hasRun whether the report of a run with these values is shown. A loader's and a check's say what a look would.
 * @returns {string} "" if there is nothing to say
 */
function lookText(node, { values, refusal, isUntouched, facts }, hasRun) {
  const kind = node.comfyClass ?? "";
  const isLoader = kind.startsWith("ImageSequenceLoad");
  const reads = isLoader || kind === "ImageSequenceCheck";
  const isNew = isUntouched && !hasRun;
  if (isNew && isLoader) return t("Choose or upload frames, or type where they are.");
  if (isNew && reads) return t("Choose frames, or type where they are.");
  if (refusal) return [reads ? loaderText(facts) : "", inWordsOfTheNode(node, refusal)].filter(Boolean).join("\n");
  if (reads) return hasRun ? "" : loaderText(facts);
  if (kind.startsWith("ImageSequenceSave")) {
    // Behind a counter that is past the end, no frame comes.
    const isOver = "frame_counter" in values && facts.number === null && facts.in_the_way === 0;
    if (isOver) return hasRun ? "" : t("The animation is over.");
    return saverText(facts);
  }
  return counterText(facts);
}

/**
 * "240 frames, 1001-1240, 2 missing (1100,1105), 1920 x 1080 EXR"
 *
 * @param {Facts} facts
 */
function loaderText({ count, ranges, missing, missing_ranges: gaps, width, height, kind, frame, is_there: isThere }) {
  if (typeof count !== "number") return "";
  const parts = [t(["%count% frame", "%count% frames"], { count }), ranges];
  if (missing) parts.push(t("%count% missing (%frames%)", { count: missing, frames: gaps }));
  parts.push([width && height ? `${width} x ${height}` : "", kind].filter(Boolean).join(" "));
  const found = parts.filter(Boolean).join(", ");
  if (typeof frame !== "number" || isThere) return found;
  return `${t("Frame %frame% is not on disk.", { frame: String(frame) })}\n${found}`;
}

/**
 * "Next: shots/f_00012.png. 12 frames are there already (0-11)."
 *
 * @param {Facts} facts
 */
function saverText({ path, number, existing, existing_ranges: frames, in_the_way: inTheWay, policy }) {
  if (!path) return "";
  const next = typeof number === "number" ? t("Next: %path%.", { path }) : t("Saves to %path%.", { path });
  if (!existing) return next;
  const there = [t(["%count% frame is there already (%frames%)", "%count% frames are there already (%frames%)"], {
    count: existing,
    frames,
  })];
  if (inTheWay && inTheWay < existing) there.push(t("%count% of them in the way", { count: inTheWay }));
  return `${next} ${there.join(", ")}${inTheWay ? `: ${fateText(policy, inTheWay)}` : "."}`;
}

/**
 * What becomes of frames that are in the way.
 *
 * @param {string} policy the word of the widget
 * @param {number} count
 */
function fateText(policy, count) {
  switch (policy) {
    case "overwrite":
    case "true":
      return t(["it will be replaced.", "they will be replaced."], { count });
    case "skip unchanged":
      return t(["it will be replaced if it has changed.", "those that have changed will be replaced."], { count });
    case "false":
      return t(["the new frame will be saved beside it.", "the new frames will be saved beside them."], { count });
    case "error":
      return t("the run will stop.");
    default:
      return t(["it will be kept.", "they will be kept."], { count });
  }
}

/**
 * "Frame 12 of 100 is next, 88 left."
 *
 * @param {Facts} facts
 */
function counterText({ frame, total, left, existing, existing_ranges: frames }) {
  if (typeof total !== "number" || typeof left !== "number") return "";
  const there = existing
    ? t(["%count% frame is there already (%frames%).", "%count% frames are there already (%frames%)."], {
        count: existing,
        frames,
      })
    : "";
  const next = left > 0
    ? t("Next: frame %frame% (%total% in all), %left% left.", { frame: String(frame), total, left })
    : t(["The only frame is done.", "All %count% frames are done."], { count: total });
  return [next, there].filter(Boolean).join(" ");
}
