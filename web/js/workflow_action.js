// @ts-check

/** The player's button that opens the workflow stored in a frame, or in the workflow file beside it. */

import { app } from "../../../scripts/app.js";
import { t } from "./locale.js";
import { splitPath, workflowUrl } from "./reports.js";

// The frontend reads the workflow in these itself. For all others, the pack's route does.
const READ_BY_FRONTEND = /\.(png|webp)$/i;

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
  const whole = READ_BY_FRONTEND.test(sequence.name(frame)) && (await frameWithWorkflow(sequence, frame));
  await app.handleFile(whole || (await workflowFile(sequence, frame)));
  return t("Workflow opened.");
}

/**
 * The workflow of a frame, as a JSON file.
 *
 * @param {import("./reports.js").Sequence} sequence
 * @param {number} frame
 */
async function workflowFile(sequence, frame) {
  const name = sequence.name(frame);
  const answer = await fetch(workflowUrl(sequence, frame));
  if (answer.status === 404) throw new Error(t("%name% contains no workflow, and there is no workflow file beside it.", { name }));
  if (!answer.ok) throw new Error(t("%name% can no longer be read.", { name }));
  return new File([await answer.blob()], `${splitPath(name)[1]}.json`, { type: "application/json" });
}

/**
 * The frame itself, if it holds a workflow.
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
  return EMBEDDED_WORKFLOW.test(text) ? new File([blob], splitPath(name)[1], { type: blob.type }) : null;
}
