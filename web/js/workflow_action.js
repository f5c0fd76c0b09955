// @ts-check

/** The player's button that opens the workflow stored in a frame. */

import { app } from "../../../scripts/app.js";
import { t } from "./locale.js";
import { splitPath, workflowUrl } from "./reports.js";

// The frontend does not read these; the pack's route does.
const READ_BY_ROUTE = /\.exr$/i;

// As the frontend reads them: PNG text, and ComfyUI's way of putting text into EXIF.
const EMBEDDED_WORKFLOW = /[ti](?:EXt|TXt)(?:workflow|prompt)\0|\b(?:workflow|prompt):\s*\{/i;

const ICON = '<path d="M2 3h5v4H2zM9 9h5v4H9zM4.5 7v4H9"/>';

/** @returns {import("./player/tools.js").Action} */
export function workflowAction() {
  return { label: t("Open the workflow of this frame"), icon: ICON, run: openWorkflow };
}

/**
 * @param {import("./reports.js").Sequence} sequence
 * @param {number} frame
 */
async function openWorkflow(sequence, frame) {
  const name = sequence.name(frame);
  const file = READ_BY_ROUTE.test(name) ? await workflowIn(sequence, frame) : await frameWithWorkflow(sequence, frame);
  await app.handleFile(file);
  return t("Workflow opened.");
}

/**
 * The workflow of a frame, as a file that the frontend opens.
 *
 * @param {import("./reports.js").Sequence} sequence
 * @param {number} frame
 */
async function workflowIn(sequence, frame) {
  const name = sequence.name(frame);
  const answer = await fetch(workflowUrl(sequence, frame));
  if (answer.status === 404) throw new Error(t("%name% contains no workflow.", { name }));
  if (!answer.ok) throw new Error(t("%name% can no longer be read.", { name }));
  return new File([await answer.blob()], `${splitPath(name)[1]}.json`, { type: "application/json" });
}

/**
 * The frame itself, whose text the frontend reads.
 *
 * @param {import("./reports.js").Sequence} sequence
 * @param {number} frame
 */
async function frameWithWorkflow(sequence, frame) {
  const name = sequence.name(frame);
  const answer = await fetch(sequence.full(frame));
  if (!answer.ok) throw new Error(t("%name% can no longer be read.", { name }));
  const blob = await answer.blob();
  // Without a workflow, the frontend would make a Load Image node of the frame.
  const text = new TextDecoder("latin1").decode(await blob.arrayBuffer());
  if (!EMBEDDED_WORKFLOW.test(text)) throw new Error(t("%name% contains no workflow.", { name }));
  return new File([blob], splitPath(name)[1], { type: blob.type });
}
