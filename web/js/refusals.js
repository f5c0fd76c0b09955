// @ts-check

/** Shows the server's errors about a prompt in its nodes: frontend 1.58 hides it behind two clicks. */

import { api } from "../../../scripts/api.js";
import { labelOf, t } from "./locale.js";
import { allPlayers, playerAt } from "./node_players.js";

/**
 * Call this once. No event reports a refused prompt, and the store that app.lastNodeErrors reads cannot be watched
 * from outside in all of 1.27, 1.42 and 1.58. So this listens to the answer, and the caller gets it unchanged. It may be
 * anything: other extensions wrap the same function.
 */
export function watchAnswersToPrompts() {
  const { queuePrompt } = api;
  api.queuePrompt = function (...given) {
    const answer = queuePrompt.apply(this, given);
    Promise.resolve(answer).then(
      (accepted) => showRefusals(accepted?.node_errors),
      (refused) => showRefusals(refused?.response?.node_errors),
    );
    return answer;
  };
}

/** @param {ComfyNodeErrors | null | undefined} nodeErrors */
function showRefusals(nodeErrors) {
  if (!nodeErrors) return; // not an answer to a prompt
  const refused = new Map(Object.entries(nodeErrors).map(([id, found]) => [playerAt(id), found?.errors]));
  for (const [node, player] of allPlayers()) {
    const errors = refused.get(player);
    player.refuse(Array.isArray(errors) ? refusalText(node, errors) : "");
  }
}

/**
 * The server's errors about a node, one per line, each once.
 *
 * @param {ComfyNode} node
 * @param {(ComfyInputError | null)[]} errors
 */
function refusalText(node, errors) {
  /** @type {Map<string, string[]>} text of an error -> labels of the inputs that it blames */
  const blamed = new Map();
  for (const error of errors) {
    const { text, blames } = describeError(node, error);
    if (text) blamed.set(text, [...(blamed.get(text) ?? []), ...blames]);
  }
  // If several inputs are blamed, naming one does not help.
  return [...blamed].map(([text, labels]) => (labels.length === 1 ? `${labels[0]}: ${text}` : text)).join("\n");
}

/**
 * @param {ComfyNode} node
 * @param {ComfyInputError | null} error
 * @returns {{ text: string, blames: string[] }} "" for nothing to say, and labels of inputs that the text does not name
 */
function describeError(node, error) {
  const { type, message, details, extra_info: extra } = error ?? {};
  const input = extra?.input_name ?? "";
  if (type === "required_input_missing" && input) {
    const text = t("Nothing is connected to %input%, which is required.", { input: labelOf(node, input) });
    return { text, blames: [] };
  }
  if (type === "custom_validation_failed" && details?.startsWith(`${input} - `)) {
    // The node's own words, after the name of an input that its check takes.
    return { text: details.slice(input.length + 3), blames: [labelOf(node, input)] };
  }
  return { text: [message, details].filter(Boolean).join(": "), blames: [] };
}
