// @ts-check

/** Shows the server's errors about a prompt in its nodes: frontend 1.58 hides it behind two clicks. */

import { nodeAt, nodesAround } from "./graph.js";
import { labelOf, t } from "./locale.js";
import { allPlayers, playerOf } from "./node_players.js";
import { onQueued } from "./prompts.js";
import { inWordsOfTheNode } from "./wording.js";

export function watchRefusals() {
  onQueued(({ answer, refusal }) => showRefusals(refusal ? refusal.response?.node_errors : answer?.node_errors));
}

/** @param {ComfyNodeErrors | null | undefined} nodeErrors */
function showRefusals(nodeErrors) {
  if (!nodeErrors) return; // not an answer to a prompt
  /** @type {Map<ComfyNode, Set<string>>} texts by node */
  const refused = new Map();
  for (const [id, found] of Object.entries(nodeErrors)) {
    const node = nodeAt(id);
    if (!node || !playerOf(node) || !Array.isArray(found?.errors)) continue;
    const text = refusalText(node, found.errors);
    // Nobody sees into a closed subgraph: its node says it, too.
    for (const shown of [node, ...nodesAround(id)]) refused.set(shown, (refused.get(shown) ?? new Set()).add(text));
  }
  for (const [node, player] of allPlayers()) player.errors.refuse([...(refused.get(node) ?? [])].join("\n"));
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
    return { text: inWordsOfTheNode(node, details.slice(input.length + 3)), blames: [labelOf(node, input)] };
  }
  if (type === "value_not_in_list" && input) {
    const value = String(extra?.received_value ?? "");
    const text = t("Choose another value for %input%: '%value%' is not in its list.", { input: labelOf(node, input), value });
    return { text, blames: [] };
  }
  if (input && details === input) return { text: message ?? "", blames: [labelOf(node, input)] };
  return { text: inWordsOfTheNode(node, [message, details].filter(Boolean).join(": ")), blames: [] };
}
