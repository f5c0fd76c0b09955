// @ts-check

/** The counters' button that queues the frames that are left. */

import { app } from "../../../scripts/app.js";
import { rootGraph } from "./graph.js";
import { labelOf, t } from "./locale.js";
import { isLinked, valuesOf } from "./node_values.js";
import { inputsOf, isRefused, pendingInputs } from "./prompts.js";

const TOTAL = "total_frames";
// Of the counter that has its number in a widget. The other one finds it in a folder, run by run.
const NUMBER = "frame_index";
// Which folder that is.
const FOLDER = ["directory_path", "pattern"];

/**
 * @typedef {import("./node_look.js").Facts} Facts
 * @typedef {import("./prompts.js").Queued} Queued
 *
 * @typedef {object} Turn a prompt that is being queued
 * @property {"waiting" | "built" | "over"} state built: the number is in the prompt, and the answer comes next
 * @property {(isAccepted: boolean) => void} end
 */

export class QueueRest {
  #node;
  #button;
  #look;
  /** @type {Facts | undefined} */
  #facts;
  /** @type {Map<string, Record<string, unknown>>} the node's inputs in the server's queue, as far as is known, by prompt */
  #pending = new Map();
  /** @type {{ done: number, count: number } | null} while it queues */
  #progress = null;
  /** @type {Set<unknown>} numbers that are in the server's queue, while it queues */
  #taken = new Set();
  #next = 0; // number
  #isCancelled = false;
  /** @type {Turn | null} */
  #turn = null;

  /**
   * @param {ComfyNode} node new
   * @param {() => Promise<void>} look has the node look now, and call update() with the facts
   */
  constructor(node, look) {
    this.#node = node;
    this.#look = look;
    this.#button = node.addWidget("button", "queue_rest", null, () => void this.#press(), { serialize: false });
    this.#button.serialize = false;
    // These come after those of "control after generate", which acts before or after each prompt.
    this.#button.beforeQueued = () => this.#build();
    this.#button.afterQueued = () => this.#turn?.state === "built" && this.#turn.end(true);
    this.#describe();
  }

  /** @param {Facts | undefined} facts of the node's newest look */
  update(facts) {
    this.#facts = facts;
    this.#describe();
  }

  /** Ask the server which frames are in its queue. */
  async refresh() {
    try {
      this.#pending = await pendingInputs(this.#node);
    } catch (error) {
      if (!(error instanceof Error)) throw error; // no answer: the button asks again when it is pressed
    }
    this.#describe();
  }

  /**
   * A prompt of this page has been answered.
   *
   * @param {Queued} queued
   */
  note(queued) {
    const { prompt, answer } = queued;
    const inputs = inputsOf(this.#node, prompt);
    if (!inputs) return;
    const isOurs = this.#turn?.state === "built";
    if (isRefused(this.#node, queued)) {
      if (isOurs) this.#turn?.end(false);
      return;
    }
    this.#pending.set(answer.prompt_id, inputs);
    if (!isOurs && this.#progress) this.#skip(inputs[NUMBER]);
    this.#describe();
  }

  /** @param {string} run which has ended */
  forget(run) {
    if (this.#pending.delete(run)) this.#describe();
  }

  /** Queue no more. */
  cancel() {
    this.#isCancelled = true;
    if (this.#turn?.state === "waiting") this.#turn.end(false);
  }

  async #press() {
    if (this.#progress) {
      this.cancel();
      return;
    }
    this.#isCancelled = false;
    this.#progress = { done: 0, count: 0 };
    try {
      // A frame that is finished in between counts twice, and is not queued; the other way round it would be queued again.
      await this.refresh();
      await this.#look();
      await this.#queueAll(this.#progress);
    } finally {
      this.#progress = null;
      this.#describe();
    }
  }

  /** @param {{ done: number, count: number }} progress */
  async #queueAll(progress) {
    const { first, end, count } = this.#left();
    const workflow = rootGraph().id;
    progress.count = count;
    this.#taken = new Set([...this.#pending.values()].map((inputs) => inputs[NUMBER]));
    this.#next = first;
    while (progress.done < progress.count && !this.#isCancelled) {
      this.#describe();
      if (!(await this.#queueOne())) break;
      if (!this.#node.graph || rootGraph().id !== workflow) return; // another workflow is open
      progress.done++;
      this.#next++;
    }
    if (count) this.#write(progress.done < progress.count ? this.#next : end);
  }

  /**
   * Queue one prompt, and wait until the server has answered. While another call is queueing, ComfyUI's own returns at once,
   * and the other call queues this one.
   *
   * @returns {Promise<boolean>} whether it was accepted
   */
  async #queueOne() {
    const answered = new Promise((/** @type {(isAccepted: boolean) => void} */ resolve) => {
      /** @type {Turn} */
      const turn = { state: "waiting", end };
      function end(/** @type {boolean} */ isAccepted) {
        turn.state = "over";
        resolve(isAccepted);
      }
      this.#turn = turn;
    });
    try {
      await app.queuePrompt(0, 1);
      return await answered;
    } finally {
      this.#turn = null;
    }
  }

  /** ComfyUI is about to put a prompt together. */
  #build() {
    if (this.#turn?.state !== "waiting") return;
    this.#turn.state = "built";
    while (this.#taken.has(this.#next)) this.#next++;
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
    const pending = [...this.#pending.values()];
    if (typeof first === "number" && typeof end === "number") {
      const numbers = new Set(pending.map((inputs) => Number(inputs[NUMBER])));
      const isLeft = (/** @type {number} */ number) => number >= first && number < end;
      return { first, end, count: Math.max(0, end - first) - [...numbers].filter(isLeft).length };
    }
    const same = pending.filter((inputs) => FOLDER.every((name) => inputs[name] === folder[name]));
    return { first: 0, end: 0, count: Math.max(0, Number(this.#facts?.left ?? 0) - same.length) };
  }

  #describe() {
    this.#button.label = this.#label();
    this.#node.graph?.setDirtyCanvas(true, true);
  }

  #label() {
    if (this.#progress?.count) return t("Stop (queued %done% of %count%)", this.#progress);
    const linked = [NUMBER, TOTAL].find((name) => isLinked(this.#node, name));
    if (linked) return t("%input% is linked: use Run", { input: labelOf(this.#node, linked) });
    const { count } = this.#left();
    if (count) return t(["Queue %count% frame", "Queue %count% frames"], { count });
    if (this.#pending.size) return t("All frames are queued");
    if (this.#counts) return t("Set %input% to 0 to start again", { input: labelOf(this.#node, NUMBER) });
    return this.#facts?.left === 0 ? t("All frames are on disk") : t("Queue the remaining frames");
  }
}
