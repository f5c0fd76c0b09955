// @ts-check

/**
 * The prompts that this page queues.
 *
 * @typedef {Record<string, { class_type: string, inputs: Record<string, unknown> }>} Prompt nodes by execution id
 *
 * @typedef {object} Queued
 * @property {Prompt} prompt
 * @property {any} answer the server's; null if it was refused, and other extensions may have put anything in its place
 * @property {any} refusal null if the prompt was accepted
 */

import { api } from "../../../scripts/api.js";
import { nodeAt, rootGraph } from "./graph.js";

/** @type {Set<(queued: Queued) => void>} */
const listeners = new Set();

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
    Promise.resolve(answer).then(
      (accepted) => tell({ prompt, answer: accepted, refusal: null }),
      (refused) => tell({ prompt, answer: null, refusal: refused ?? {} }),
    );
    return answer;
  };
}

/**
 * @param {(queued: Queued) => void} listener called with each prompt that the server has answered
 * @returns {() => void} ends it
 */
export function onQueued(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** @param {Queued} queued */
function tell(queued) {
  for (const listener of [...listeners]) listener(queued);
}

/**
 * The inputs that a node has in the prompts of the server's queue, running or waiting, by prompt id. Those of other workflows
 * are left out.
 *
 * @param {ComfyNode} node
 * @returns {Promise<Map<string, Record<string, unknown>>>}
 */
export async function pendingInputs(node) {
  const answer = await api.fetchApi("/queue");
  if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
  const { queue_running: running = [], queue_pending: waiting = [] } = await answer.json();
  const pending = new Map();
  for (const [, id, prompt, extra] of [...running, ...waiting]) {
    if (extra?.extra_pnginfo?.workflow?.id !== rootGraph().id) continue;
    const inputs = inputsOf(node, prompt);
    if (inputs) pending.set(id, inputs);
  }
  return pending;
}

/**
 * The inputs of a node in a prompt, or null if it is not part of it.
 *
 * @param {ComfyNode} node
 * @param {Prompt} prompt
 */
export function inputsOf(node, prompt) {
  for (const [id, part] of Object.entries(prompt)) {
    if (part?.class_type === node.comfyClass && nodeAt(id) === node) return part.inputs;
  }
  return null;
}

/**
 * Whether the server has refused a prompt, or the part of it that depends on this node.
 *
 * @param {ComfyNode} node
 * @param {Queued} queued
 */
export function isRefused(node, { prompt, answer, refusal }) {
  if (refusal || !answer?.prompt_id) return true;
  /** @type {{ dependent_outputs?: string[] }[]} */
  const errors = Object.values(answer.node_errors ?? {});
  return errors.some((error) => error?.dependent_outputs?.some((output) => dependsOn(node, prompt, output)));
}

/**
 * @param {ComfyNode} node
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
