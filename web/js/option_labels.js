// The values of our combo widgets in the user's language; what is sent and saved stays the value.
//
// The frontend translates names and tooltips from locales/, but no options: it asks a widget's getOptionLabel (1.42 in
// the classic renderer, 1.58 in both; 1.27 shows values as they are). After a change of language it makes all nodes anew.

import { app } from "../../../scripts/app.js";
import { api } from "../../../scripts/api.js";

let translations = {};

app.registerExtension({
  name: "ImageSequence.OptionLabels",

  async init() {
    const answer = await api.fetchApi("/i18n");
    if (answer.ok) translations = await answer.json();
  },

  nodeCreated(node) {
    if (!node.comfyClass?.startsWith("ImageSequence")) return;
    const locale = app.extensionManager.setting.get("Comfy.Locale");
    const inputs = translations[locale]?.nodeDefs?.[node.comfyClass]?.inputs ?? {};
    for (const widget of node.widgets ?? []) {
      const labels = inputs[widget.name]?.options;
      if (labels) widget.options.getOptionLabel = (value) => labels[value?.replaceAll(".", "_")] ?? value ?? "";
    }
  },
});
