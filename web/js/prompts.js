// @ts-check

/**
 * The prompts that this page queues.
 *
 * @typedef {object} Queued
 * @property {Record<string, { class_type: string, inputs: Record<string, unknown> }>} prompt nodes by execution id
 * @property {any} answer the server's; null if it was refused, and other extensions may have put anything in its place
 * @property {any} refusal null if the prompt was accepted
 */

import { api } from "../../../scripts/api.js";

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
