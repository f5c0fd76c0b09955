// @ts-check

/**
 * Sets "control after generate" of new nodes to "increment".
 *
 * ComfyUI starts it on "randomize". A node may name another start, but frontends before 1.58 take the word for the name of
 * the control: 1.27 still starts on "randomize", 1.42 shows no control in Vue nodes.
 */

import { app } from "../../../scripts/app.js";

app.registerExtension({
  name: "ImageSequence.Counting",

  // This comes before a workflow sets the node's values, so saved values win.
  nodeCreated(node) {
    if (!node.comfyClass?.startsWith("ImageSequence")) return;
    for (const widget of node.widgets ?? []) {
      if (widget.name === "control_after_generate") widget.value = "increment";
    }
  },
});
