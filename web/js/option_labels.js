// @ts-check

/**
 * Shows the values of our combo widgets in the user's language. What is sent and saved does not change.
 *
 * The frontend translates names and tooltips from locales/, but not options: for those it asks a widget's getOptionLabel
 * (1.42 in the classic renderer, 1.58 in both; 1.27 shows values as they are).
 */

import { app } from "../../../scripts/app.js";
import { inputTexts, key, loadLocales, noteLanguage } from "./locale.js";

app.registerExtension({
  name: "ImageSequence.OptionLabels",

  init: loadLocales,

  nodeCreated(node) {
    if (!node.comfyClass?.startsWith("ImageSequence")) return;
    noteLanguage(node);
    const inputs = inputTexts(node.comfyClass);
    for (const widget of node.widgets ?? []) {
      const labels = inputs[widget.name]?.options;
      if (labels) widget.options.getOptionLabel = (value) => labels[key(value ?? "")] ?? value ?? "";
    }
  },
});
