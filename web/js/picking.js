// @ts-check

/**
 * Lets the user choose frames instead of typing where they are, and bring them from their own machine: buttons in the nodes
 * that read folders, and files dropped on a loader.
 */

import { app } from "../../../scripts/app.js";
import { fillIn, kindOf } from "./choosing.js";
import { listFolder, listingOf } from "./folders.js";
import { labelOf, loadLocales, noteLanguage, t } from "./locale.js";
import { addButton } from "./node_button.js";
import { NodeUpload } from "./node_upload.js";
import { isLinked } from "./node_values.js";
import { Picker } from "./picker/picker.js";

// The resume counter reads what savers have written, and nothing that is uploaded.
const LOADERS = ["ImageSequenceLoadBatch", "ImageSequenceLoadFrame"];

app.registerExtension({
  name: "ImageSequence.Picking",

  init: loadLocales,

  nodeCreated(node) {
    if (!kindOf(node)) return;
    noteLanguage(node);
    /** @type {NodeUpload | null} */
    let upload = null;
    addButton(node, "choose_frames", t("Choose frames..."), () => pick(node, upload));
    if (LOADERS.includes(node.comfyClass ?? "")) upload = new NodeUpload(node);
  },
});

/**
 * @param {ComfyNode} node
 * @param {NodeUpload | null} upload
 */
function pick(node, upload) {
  const kind = kindOf(node);
  if (!kind) return;
  if (isLinked(node, kind.decisive)) {
    const summary = t("Disconnect %input% to choose frames here.", { input: labelOf(node, kind.decisive) });
    app.extensionManager.toast.add({ severity: "warn", summary, life: 8000 });
    return;
  }
  const actions = upload && [
    { label: t("Upload frames..."), run: () => upload.pickFiles() },
    { label: t("Upload a folder..."), run: () => upload.pickFolder() },
  ];
  const picker = new Picker({
    list: async (place) => listingOf(await listFolder(/** @type {import("./folders.js").Place} */ (place)), kind.types),
    choose: (choice) => fillIn(node, /** @type {import("./folders.js").Choice} */ (choice)),
    actions: actions ?? [],
    translate: t,
  });
  const otherwise = { type: kind.types.includes("input") ? "input" : "output", path: "" };
  void picker.open(kind.pointsAt(node), otherwise);
}
