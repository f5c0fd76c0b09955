// @ts-check

/** The counters' button that queues the frames that are left. */

import { app } from "../../../scripts/app.js";
import { rootGraph } from "./graph.js";
import { labelOf, t } from "./locale.js";
import { addButton, labelButton } from "./node_button.js";
import { isLinked, valuesOf } from "./node_values.js";
import { isRefused } from "./prompts.js";
import { QueueTurn } from "./queue_turn.js";
import { askServerQueue, inputsOf, pendingInputs } from "./server_queue.js";

const TOTAL = "total_frames";
// Of the counter that has its number in a widget. The other one finds it in a folder, run by run.
const NUMBER = "frame_index";
// Which folder that is.
const FOLDER = ["directory_path", "pattern"];

const TOAST_MS = 60_000; // the user may be in another workflow, or away

/**
 * @typedef {import("./node_look.js").Facts} Facts
 * @typedef {import("./prompts.js").Queued} Queued
 * @typedef {import("./queue_turn.js").Outcome} Outcome
 */

export class QueueRest {
  #node;
  #button;
  #look;
  /** @type {Facts | undefined} */
  #facts;
  /** @type {{ done: number, count: number } | null} while it queues */
  #progress = null;
  /** @type {Set<unknown>} numbers that are in the server's queue, while it queues */
  #taken = new Set();
  #next = 0; // number
  #isCancelled = false;
  #isRemoved = false;
  /** @type {QueueTurn | null} */
  #turn = null;

  /**
   * @param {ComfyNode} node new
   * @param {() => Promise<void>} look has the node look now, and call update() with the facts
   */
  constructor(node, look) {
    this.#node = node;
    this.#look = look;
    this.#button = addButton(node, "queue_rest", this.#label(), () => void this.#press());
    // These come after those of "control after generate", which acts before or after each prompt.
    this.#button.beforeQueued = () => this.#build();
    this.#button.afterQueued = () => this.#progress && this.#write(this.#next);
  }

  /** @param {Facts | undefined} facts of the node's newest look */
  update(facts) {
    this.#facts = facts;
    this.describe();
  }

  /** What is left, or in the server's queue, may have changed. */
  describe() {
    labelButton(this.#node, this.#button, this.#label());
  }

  /**
   * A prompt of this page has been answered.
   *
   * @param {Queued} queued
   */
  note(queued) {
    const inputs = inputsOf(this.#node, queued.prompt);
    if (!inputs || !this.#progress || isRefused(this.#node, queued)) return;
    if (!this.#turn?.isOf(queued.prompt)) this.#skip(inputs[NUMBER]);
  }

  /** The node has been removed: by the user, by Undo, or because another workflow is opened. */
  release() {
    this.#isRemoved = true;
    this.#cancel();
  }

  /** Queue no more. */
  #cancel() {
    this.#isCancelled = true;
    this.#turn?.cancel();
  }

  async #press() {
    if (this.#progress) {
      this.#cancel();
      return;
    }
    this.#isCancelled = false;
    this.#progress = { done: 0, count: 0 };
    const workflow = rootGraph().id;
    try {
      // A frame that is finished in between counts twice, and is not queued; the other way round it would be queued again.
      await askServerQueue();
      await this.#look();
      const outcome = await this.#queueAll(this.#progress);
      this.#tellWhyItStopped(outcome, this.#progress, workflow);
    } finally {
      this.#progress = null;
      this.describe();
    }
  }

  /**
   * @param {{ done: number, count: number }} progress
   * @returns {Promise<Outcome>} of the last prompt
   */
  async #queueAll(progress) {
    const { first, end, count } = this.#left();
    progress.count = count;
    this.#taken = new Set(pendingInputs(this.#node).map((inputs) => inputs[NUMBER]));
    this.#next = first;
    /** @type {Outcome} */
    let outcome = "accepted";
    while (outcome === "accepted" && progress.done < progress.count && !this.#isCancelled) {
      this.describe();
      outcome = await this.#queueOne();
      if (outcome === "accepted") progress.done++;
    }
    if (count) this.#write(progress.done < progress.count ? this.#next : end);
    return outcome;
  }

  /** @returns {Promise<Outcome>} */
  async #queueOne() {
    let number = this.#next;
    // From here on the widget has the next number: if the user opens another workflow now, this one is stored as it is.
    this.#turn = new QueueTurn(this.#node, () => {
      number = this.#next++;
      this.#skipTaken();
      this.#write(this.#next);
    });
    try {
      const outcome = await this.#turn.run();
      if (outcome !== "accepted") this.#write((this.#next = number));
      return outcome;
    } finally {
      this.#turn = null;
    }
  }

  /** ComfyUI is about to put a prompt together. */
  #build() {
    if (!this.#turn?.build()) return;
    this.#skipTaken();
    this.#write(this.#next);
  }

  /**
   * The user has queued a frame by other means.
   *
   * @param {unknown} number
   */
  #skip(number) {
    if (!this.#progress || (this.#counts && this.#taken.has(number))) return;
    this.#taken.add(number);
    this.#progress.count--;
    this.#skipTaken();
  }

  #skipTaken() {
    while (this.#counts && this.#taken.has(this.#next)) this.#next++;
  }

  /**
   * Nodes say why a prompt was refused, and a user who has pressed the button knows why it stopped.
   *
   * @param {Outcome} outcome
   * @param {{ done: number, count: number }} progress
   * @param {string} workflow in which the button was pressed
   */
  #tellWhyItStopped(outcome, { done, count }, workflow) {
    if (done >= count) return;
    const values = { done, count };
    let summary = "";
    if (outcome === "lost") {
      summary = t("Queued %done% of %count% frames: the server does not answer. Press the button again when it is back.", values);
    } else if (rootGraph().id !== workflow) {
      summary = t("Queued %done% of %count% frames: this workflow is no longer open. Open it and press the button again.", values);
    } else if (this.#isRemoved) {
      summary = t("Queued %done% of %count% frames: the node was removed or loaded again. Press its button again.", values);
    }
    if (summary) app.extensionManager.toast.add({ severity: "warn", summary, life: TOAST_MS });
  }

  /** Whether the number of the next frame is in a widget. */
  get #counts() {
    return Boolean(this.#number);
  }

  get #number() {
    return this.#node.widgets?.find(({ name }) => name === NUMBER);
  }

  /** @param {number} number for the widget, if there is one */
  #write(number) {
    const widget = this.#number;
    if (!widget || widget.value === number) return;
    widget.value = number;
    widget.callback?.(number);
  }

  /** What is left, without the frames that are in the server's queue. */
  #left() {
    const { [NUMBER]: first, [TOTAL]: end, ...folder } = valuesOf(this.#node);
    const pending = pendingInputs(this.#node);
    if (typeof first === "number" && typeof end === "number") {
      const numbers = new Set(pending.map((inputs) => Number(inputs[NUMBER])));
      const isLeft = (/** @type {number} */ number) => number >= first && number < end;
      return { first, end, count: Math.max(0, end - first) - [...numbers].filter(isLeft).length };
    }
    const same = pending.filter((inputs) => FOLDER.every((name) => inputs[name] === folder[name]));
    return { first: 0, end: 0, count: Math.max(0, Number(this.#facts?.left ?? 0) - same.length) };
  }

  #label() {
    if (this.#progress?.count) return t("Stop (queued %done% of %count%)", this.#progress);
    const linked = [NUMBER, TOTAL].find((name) => isLinked(this.#node, name));
    if (linked) return t("%input% is linked: use Run", { input: labelOf(this.#node, linked) });
    const { count } = this.#left();
    if (count) return t(["Queue %count% frame", "Queue %count% frames"], { count });
    if (pendingInputs(this.#node).length) return t("All frames are queued");
    if (this.#counts) return t("Set %input% to 0 to start again", { input: labelOf(this.#node, NUMBER) });
    return this.#facts?.left === 0 ? t("All frames are on disk") : t("Queue the remaining frames");
  }
}
