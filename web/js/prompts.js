// @ts-check

/**
 * The prompts that this page queues.
 *
 * @typedef {Record<string, { class_type: string, inputs: Record<string, unknown> }>} Prompt nodes by execution id
 *
 * @typedef {object} Queued
 * @property {Prompt} prompt
 * @property {string} [workflow] its id
 * @property {any} answer the server's; null if it was refused, and other extensions may have put anything in its place
 * @property {any} refusal null if the prompt was accepted
 */

import { api } from "../../../scripts/api.js";
import { nodeAt } from "./graph.js";

/** The events of which each run ends with one. */
export const RUN_ENDS = ["execution_success", "execution_error", "execution_interrupted"];

/** @type {Set<(queued: Queued) => void>} */
const answerListeners = new Set();
/** @type {Set<(prompt: Prompt) => void>} */
const sendListeners = new Set();

const PACK_URL = new URL(".", import.meta.url).href;

/**
 * Call this once. No event reports a refused prompt, and the store that app.lastNodeErrors reads cannot be watched
 * from outside in all of 1.27, 1.42 and 1.58. So this listens to the answer, and the caller gets it unchanged. It may be
 * anything: other extensions wrap the same function.
 */
export function watchPrompts() {
  const { queuePrompt } = api;
  api.queuePrompt = function (...given) {
    noteSent(given);
    const answer = queuePrompt.apply(this, given);
    const data = /** @type {any} */ (given[1]);
    const prompt = data?.output ?? {};
    const workflow = data?.workflow?.id;
    void Promise.resolve().then(() => {
      for (const listener of [...sendListeners]) listener(prompt);
    });
    Promise.resolve(answer).then(
      (accepted) => tell({ prompt, workflow, answer: accepted, refusal: null }),
      (refused) => {
        hidePack(refused);
        tell({ prompt, workflow, answer: null, refusal: refused ?? {} });
      },
    );
    return answer;
  };
}

/**
 * ComfyUI's dialog blames the extension whose file is the first in an error's stack. That was this one, which is on the way to
 * the server and has no part in the error.
 *
 * @param {unknown} error
 */
function hidePack(error) {
  if (!(error instanceof Error) || !error.stack?.includes(PACK_URL)) return;
  error.stack = error.stack.split("\n").filter((line) => !line.includes(PACK_URL)).join("\n");
}

/**
 * @param {(queued: Queued) => void} listener called with each prompt that the server has answered
 * @returns {() => void} ends it
 */
export function onQueued(listener) {
  answerListeners.add(listener);
  return () => answerListeners.delete(listener);
}

/**
 * @param {(prompt: Prompt) => void} listener called with each prompt that is on its way to the server
 * @returns {() => void} ends it
 */
export function onSent(listener) {
  sendListeners.add(listener);
  return () => sendListeners.delete(listener);
}

/** @param {Queued} queued */
function tell(queued) {
  for (const listener of [...answerListeners]) listener(queued);
}

/**
 * Whether the server did not answer.
 *
 * @param {Queued} queued
 */
export function isLost({ refusal }) {
  return refusal instanceof TypeError; // from fetch()
}

/**
 * Whether the server has refused a prompt, or the part of it that depends on this node.
 *
 * @param {ComfyNode | null} node
 * @param {Queued} queued
 */
export function isRefused(node, { prompt, answer, refusal }) {
  if (refusal || !answer?.prompt_id) return true;
  /** @type {{ dependent_outputs?: string[] }[]} */
  const errors = Object.values(answer.node_errors ?? {});
  return errors.some((error) => error?.dependent_outputs?.some((output) => dependsOn(node, prompt, output)));
}

/**
 * @param {ComfyNode | null} node
 * @param {Prompt} prompt
 * @param {string} output id of a node of the prompt
 */
function dependsOn(node, prompt, output) {
  const reached = new Set([output]);
  for (const id of reached) {
    if (nodeAt(id) === node) return true;
    for (const value of Object.values(prompt[id]?.inputs ?? {})) {
      if (Array.isArray(value) && typeof value[0] === "string") reached.add(value[0]);
    }
  }
  return false;
}

/** The prompt that was sent last, and the execution ids of its outputs that alone are run; null for all of them. */
const latest = { prompt: /** @type {Prompt} */ ({}), targets: /** @type {string[] | null} */ (null) };

/** @param {any[]} given what api.queuePrompt() is called with */
function noteSent([, data, options]) {
  latest.prompt = data?.output ?? {};
  latest.targets = options?.partialExecutionTargets ?? null;
}

/**
 * Whether the prompt that was sent last runs this node. It does not if it runs only outputs that do not depend on the node.
 *
 * @param {ComfyNode} node
 */
export function isInLatestRun(node) {
  const { prompt, targets } = latest;
  return !targets?.length || targets.some((output) => dependsOn(node, prompt, String(output)));
}
