// @ts-check

/**
 * Sets "control after generate" of new nodes to "increment", and has it count only the runs of its node.
 *
 * ComfyUI starts it on "randomize". A node may name another start, but frontends before 1.58 take the word for the name of
 * the control: 1.27 still starts on "randomize", 1.42 shows no control in Vue nodes.
 *
 * A run of selected outputs counts in 1.27 and 1.58, even if the node is not part of it, and never in 1.42.
 */

import { app } from "../../../scripts/app.js";
import { isInLatestRun } from "./prompts.js";

app.registerExtension({
  name: "ImageSequence.Counting",

  // This comes before a workflow sets the node's values, so saved values win.
  nodeCreated(node) {
    if (!node.comfyClass?.startsWith("ImageSequence")) return;
    for (const widget of node.widgets ?? []) {
      if (widget.name !== "control_after_generate") continue;
      widget.value = "increment";
      countRunsOf(node, widget);
    }
  },
});

/**
 * @param {ComfyNode} node
 * @param {ComfyWidget} control
 */
function countRunsOf(node, control) {
  const { afterQueued } = control;
  // Without the argument, by which 1.42 knows that only some outputs are run.
  if (afterQueued) control.afterQueued = () => isInLatestRun(node) && afterQueued.call(control);
}
