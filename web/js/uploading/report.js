// @ts-check

/**
 * What the user is told of an upload.
 *
 * @typedef {object} Report
 * @property {string} summary
 * @property {string[]} notes what was left out or changed
 * @property {import("./upload.js").Failure[]} failures
 */

import { app } from "../../../../scripts/app.js";
import { t } from "../locale.js";
import { showProblems } from "../picker/problems.js";

const NAMES = 5; // as many are named in one note
const TOAST_MS = { short: 5000, long: 15000 };

/**
 * Without failures a notification, else a dialog that stays until it is read.
 *
 * @param {Report} report
 * @param {() => void} retry
 */
export function tell({ summary, notes, failures }, retry) {
  if (!failures.length) {
    const severity = notes.length ? "warn" : "success";
    const life = notes.length ? TOAST_MS.long : TOAST_MS.short;
    app.extensionManager.toast.add({ severity, summary, detail: notes.join(" "), life });
    return;
  }
  const heading = t(["%count% frame was not uploaded.", "%count% frames were not uploaded."], { count: failures.length });
  const lines = [...byReason(failures)].map(([reason, names]) => `${names.join(", ")}: ${reason}`);
  showProblems({
    heading,
    text: [...lines, "", summary, ...notes].join("\n"),
    action: { label: t("Try again"), run: retry },
    close: t("Close"),
  });
}

/**
 * @param {unknown} error
 * @param {string} [summary]
 */
export function tellError(error, summary = t("The upload failed.")) {
  const detail = error instanceof Error ? error.message : String(error);
  app.extensionManager.toast.add({ severity: "error", summary, detail });
}

/**
 * The first of these names, and how many more there are.
 *
 * @param {string[]} names
 */
export function someOf(names) {
  const more = names.length - NAMES;
  const shown = names.slice(0, NAMES).join(", ");
  return more > 0 ? t("%names% and %more% more", { names: shown, more }) : shown;
}

/** @param {import("./upload.js").Failure[]} failures */
function byReason(failures) {
  /** @type {Map<string, string[]>} */
  const groups = new Map();
  for (const { job, reason } of failures) groups.set(reason, [...(groups.get(reason) ?? []), job.frame.name]);
  return groups;
}
