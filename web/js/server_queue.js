// @ts-check

/**
 * The pack's nodes in the server's queue, as far as this page knows: what it has queued itself, and what the server said when
 * it was last asked.
 *
 * @typedef {import("./prompts.js").Prompt} Prompt
 * @typedef {import("./prompts.js").Queued} Queued
 */

import { api } from "../../../scripts/api.js";
import { nodeAt, rootGraph } from "./graph.js";
import { RUN_ENDS, isRefused, onQueued } from "./prompts.js";

const RECHECK_MS = 1000; // the status of a moment ago does not count the prompts that have been queued since

/** @type {Map<string, { workflow?: string, nodes: Prompt }>} the prompts that are running or waiting, by their ids */
const pending = new Map();
/** @type {Set<string>} the prompts that have ended since the server was asked. A short run ends before the answer to its prompt. */
const ended = new Set();
/** @type {Set<() => void>} */
const listeners = new Set();

let remaining = Infinity; // prompts in the server's queue, as it said last
let timer = 0;

/** Call this once. */
export function watchServerQueue() {
  onQueued(note);
  for (const end of RUN_ENDS) api.addEventListener(end, ({ detail }) => forget(detail?.prompt_id));
  // Prompts that the user removes from the queue end without an event of their own.
  api.addEventListener("status", ({ detail }) => {
    remaining = detail?.exec_info?.queue_remaining ?? Infinity;
    if (remaining === 0) forgetAll();
    else if (remaining < pending.size) timer ||= setTimeout(askIfFewer, RECHECK_MS);
  });
}

/** @param {() => void} listener called when the queue has changed */
export function onQueueChange(listener) {
  listeners.add(listener);
}

/**
 * Ask the server.
 *
 * @returns {Promise<string[] | null>} the ids of all prompts in its queue; null if it does not answer
 */
export async function askServerQueue() {
  const known = new Set(pending.keys());
  ended.clear();
  const items = await queuedItems();
  if (!items) return null;
  const ids = items.map(([, id]) => id);
  for (const id of known) if (!ids.includes(id)) pending.delete(id);
  for (const [, id, prompt, extra] of items) {
    if (pending.has(id) || ended.has(id)) continue;
    pending.set(id, { workflow: extra?.extra_pnginfo?.workflow?.id, nodes: packNodes(prompt) });
  }
  tell();
  return ids;
}

/** @returns {Promise<[number, string, Prompt, any][] | null>} */
async function queuedItems() {
  try {
    const answer = await api.fetchApi("/queue");
    if (!answer.ok) return null;
    const { queue_running: running = [], queue_pending: waiting = [] } = await answer.json();
    return [...running, ...waiting];
  } catch (error) {
    if (error instanceof Error) return null; // no answer
    throw error;
  }
}

/**
 * The inputs of a node of the open workflow in each prompt of the queue that contains it.
 *
 * @param {ComfyNode} node
 * @returns {Record<string, unknown>[]}
 */
export function pendingInputs(node) {
  const { id } = rootGraph();
  const prompts = [...pending.values()].filter(({ workflow }) => workflow === id);
  return prompts.map(({ nodes }) => inputsOf(node, nodes)).filter((inputs) => inputs !== null);
}

export function isQueueEmpty() {
  return pending.size === 0;
}

/**
 * Whether a prompt in the queue contains a node of the open workflow.
 *
 * @param {ComfyNode} node
 */
export function isPending(node) {
  return pendingInputs(node).length > 0;
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

/** @param {Queued} queued */
function note(queued) {
  const { prompt, workflow, answer } = queued;
  if (!answer?.prompt_id || ended.has(answer.prompt_id)) return;
  const accepted = Object.entries(packNodes(prompt)).filter(([id]) => !isRefused(nodeAt(id), queued));
  pending.set(answer.prompt_id, { workflow, nodes: Object.fromEntries(accepted) });
  tell();
}

/** @param {string} id of a prompt */
function forget(id) {
  ended.add(id);
  if (pending.delete(id)) tell();
}

function askIfFewer() {
  timer = 0;
  if (remaining < pending.size) void askServerQueue();
}

function forgetAll() {
  if (!pending.size) return;
  pending.clear();
  tell();
}

function tell() {
  for (const listener of [...listeners]) listener();
}

/**
 * Hundreds of prompts may wait, so only what is needed of each is kept.
 *
 * @param {Prompt} prompt
 * @returns {Prompt}
 */
function packNodes(prompt) {
  const ours = Object.entries(prompt).filter(([, part]) => part?.class_type?.startsWith("ImageSequence"));
  return Object.fromEntries(ours);
}
