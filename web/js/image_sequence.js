// @ts-check

/**
 * Puts a sequence player into the pack's nodes. This and the modules beside it translate ComfyUI's events, stores and
 * routes into the player's terms. How frontends 1.27, 1.42 and 1.58 behave was measured; a line that is there for one of
 * them says so.
 *
 * ComfyUI imports every script below web/ by itself, so only those that call registerExtension do anything when imported.
 */

import { app } from "../../../scripts/app.js";
import { api } from "../../../scripts/api.js";
import { addQueueRest, releaseQueueRest, updateQueueRest, watchQueue } from "./counters.js";
import { isCounter, locator } from "./graph.js";
import { loadLocales, noteLanguage } from "./locale.js";
import { addLook, refreshLooks, releaseLook, updateLook, updateLooks, watchFiles } from "./looks.js";
import { addPlayer, allPlayers, playerAt, playerOf } from "./node_players.js";
import { onQueued, watchPrompts } from "./prompts.js";
import { watchRefusals } from "./refusals.js";
import { askServerQueue, isQueueEmpty, onQueueChange, watchServerQueue } from "./server_queue.js";
import { WidgetVisibility } from "./widget_visibility.js";

// Their reports are added to the frames of earlier runs.
export const ONE_FRAME_PER_RUN = ["ImageSequenceSaveFrame", "ImageSequenceSaveCounted", "ImageSequenceLoadFrame"];
const MANY_FRAMES_PER_RUN = [
  "ImageSequenceSaveBatch",
  "ImageSequenceLoadBatch",
  "ImageSequenceFromAnimation",
  "ImageSequenceCheck",
];

/** @type {WeakMap<ComfyNode, WidgetVisibility>} */
const visibilities = new WeakMap();

let run = ""; // id of the running prompt: distinguishes its pictures from earlier ones with the same names

/**
 * Call `after` each time ComfyUI has called a method, with the node and the method's arguments.
 *
 * @param {Record<string, any>} object
 * @param {string} name
 * @param {(node: ComfyNode, ...given: any[]) => void} after
 */
function chain(object, name, after) {
  const before = object[name];
  object[name] = /** @this {ComfyNode} @param {any[]} given */ function (...given) {
    const result = before?.apply(this, given);
    after(this, ...given);
    return result;
  };
}

/** The server answers again. If it was started anew, its queue is empty, and the run that a node waits for is lost. */
async function reconnect() {
  const queued = await askServerQueue();
  for (const [, player] of allPlayers()) {
    if (queued && !queued.includes(run)) player.stop();
    player.retry();
  }
  refreshLooks();
}

app.registerExtension({
  name: "ImageSequence.Player",

  init: loadLocales,

  beforeRegisterNodeDef(nodeType, { name }) {
    const addsFrames = ONE_FRAME_PER_RUN.includes(name);
    if (!addsFrames && !MANY_FRAMES_PER_RUN.includes(name) && !isCounter(name)) return;
    // The canvas would load every frame and draw them all in a grid (Vue nodes: hideOutputImages).
    nodeType.prototype.onDrawBackground = () => {};
    chain(nodeType.prototype, "onNodeCreated", (node) => {
      node.hideOutputImages = true;
      noteLanguage(node);
      if (isCounter(name)) addQueueRest(node);
      addPlayer(node, addsFrames);
      visibilities.set(node, new WidgetVisibility(node, () => Boolean(playerOf(node)?.isFloat)));
      addLook(node, () => {
        visibilities.get(node)?.update();
        updateQueueRest(node);
      });
    });
    chain(nodeType.prototype, "onConfigure", (node) => {
      visibilities.get(node)?.restore();
      updateLook(node);
    });
    chain(nodeType.prototype, "onConnectionsChange", (node) => {
      visibilities.get(node)?.update();
      updateLook(node);
      updateQueueRest(node);
    });
    chain(nodeType.prototype, "onExecuted", (node, output) => {
      playerOf(node)?.show(output, run);
      visibilities.get(node)?.update();
    });
    chain(nodeType.prototype, "onRemoved", (node) => {
      playerOf(node)?.release();
      releaseLook(node);
      releaseQueueRest(node);
    });
  },

  setup() {
    api.addEventListener("execution_start", ({ detail }) => {
      run = detail.prompt_id;
      for (const [, player] of allPlayers()) player.begin(run);
    });
    api.addEventListener("image_sequence.progress", ({ detail }) => playerAt(detail.node)?.showProgress(detail, run));
    api.addEventListener("execution_error", ({ detail }) => {
      playerAt(detail.node_id)?.fail(String(detail.exception_message ?? "").trim());
    });
    api.addEventListener("execution_interrupted", ({ detail }) => playerAt(detail.node_id)?.stop());
    addEventListener("pagehide", () => {
      for (const [, player] of allPlayers()) player.remember();
    });
    api.addEventListener("reconnected", () => void reconnect());
    watchPrompts();
    watchServerQueue();
    watchRefusals();
    watchFiles();
    watchQueue();
    onQueueChange(() => {
      for (const [, player] of allPlayers()) player.update();
      if (isQueueEmpty()) refreshLooks();
    });
    onQueued(({ prompt, answer }) => {
      if (!answer?.prompt_id) return;
      for (const [id, part] of Object.entries(prompt)) playerAt(id)?.values.noteQueued(answer.prompt_id, part?.inputs ?? {});
    });
  },

  afterConfigureGraph() {
    for (const [node, player] of allPlayers()) {
      player.restore();
      visibilities.get(node)?.restore();
    }
    updateLooks();
    void askServerQueue(); // some of its frames may be there
    // Vue renders the new nodes after this.
    requestAnimationFrame(() => {
      for (const [, player] of allPlayers()) player.attach();
    });
  },

  onNodeOutputsUpdated(outputs) {
    for (const [node, player] of allPlayers()) {
      player.restore(outputs?.[locator(node)]);
      visibilities.get(node)?.restore();
    }
  },
});
