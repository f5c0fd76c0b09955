// @ts-check

/**
 * The player of one node. It shows what is known about the present values of the node's widgets: the report of their run,
 * else what a look at the files has found, and above that why the last prompt or run failed.
 *
 * @typedef {import("./node_look.js").Look} Look
 * @typedef {import("./reports.js").Report} Report
 * @typedef {import("./reports.js").RunReport} RunReport
 */

import { textBelow } from "./look_texts.js";
import { said, t } from "./locale.js";
import { NodeErrors } from "./node_errors.js";
import { NodeRoom } from "./node_room.js";
import { SequencePlayer } from "./player/sequence_player.js";
import { addPlayerWidget } from "./player_widget.js";
import { recall, remember, storageKey } from "./remembered.js";
import { attachTo } from "./renderer.js";
import { frameToShow, sequenceOf, withEarlierFrames } from "./reports.js";
import { RunValues } from "./run_values.js";
import { isPending } from "./server_queue.js";
import { workflowAction } from "./workflow_action.js";

export class NodePlayer {
  #node;
  #addsFrames;
  #isSaver;
  #player;
  #room;
  #reported = ""; // the shown output as JSON, to recognise one that is reported again
  /** @type {RunReport[]} */
  #reports = []; // of the latest run
  #message = ""; // of the latest run
  /** @type {number | undefined} */
  #frame; // that the latest run has added
  /** @type {Look | null} */
  #look = null;
  #shown = ""; // the sequences that the player has, as JSON
  #key = ""; // under which the player's state is remembered
  /** @type {{ report: RunReport, text: string } | null} */
  #progress = null; // while the node runs

  /**
   * @param {ComfyNode} node
   * @param {boolean} addsFrames whether each run adds a frame to those of earlier runs
   */
  constructor(node, addsFrames) {
    this.#node = node;
    this.#addsFrames = addsFrames;
    this.#isSaver = Boolean(node.comfyClass?.startsWith("ImageSequenceSave"));
    this.values = new RunValues(node);
    this.#player = new SequencePlayer({
      actions: [workflowAction()],
      translate: t,
      onLayout: () => this.#room.update(),
    });
    const widget = addPlayerWidget(node, this.#player);
    this.#room = new NodeRoom(node, widget, this.#player);
    this.errors = new NodeErrors(node, (text) => {
      this.attach();
      this.#player.showError(text);
    });
  }

  /** Whether the shown files are floating point, as scene-linear ones are. */
  get isFloat() {
    return this.#sequences.some(({ linear, float }) => linear || float);
  }

  /**
   * Show the output of a run.
   *
   * @param {ComfyOutput | null | undefined} output
   * @param {string} run
   */
  show(output, run) {
    const described = output?.image_sequence;
    if (!described?.length) return;
    this.attach();
    const progress = this.#progress;
    this.#progress = null;
    const all = /** @type {Report[]} */ (described.map((text) => JSON.parse(text)));
    this.#message = said(all[0]?.words) || all[0]?.message || "";
    const reports = all.filter(({ pattern }) => pattern);
    this.#setReported(JSON.stringify(described), run);
    // A check may find that no frame is there.
    if (reports.length || all[0]?.check) this.#setReports(reports.map((report) => ({ ...report, run })));
    else if (progress) this.#keep(progress.report);
    this.update();
    this.remember();
  }

  /**
   * @param {{ sequence: Report, text: string }} progress
   * @param {string} run
   */
  showProgress({ sequence, text: english }, run) {
    this.attach();
    const text = said(sequence.words) || english;
    const report = { ...sequence, run };
    this.#progress = { report, text };
    this.#player.showProgress(sequenceOf(report), sequence.last, text);
  }

  /** @param {Look | null} look null if nothing can be known before a run */
  showLook(look) {
    this.#look = look;
    this.update();
  }

  /** Show what is known about the present values. */
  update() {
    if (this.#progress) return;
    // Another look comes after the frames in the queue.
    if (this.#isSaver && isPending(this.#node)) this.#look = null;
    this.attach();
    const sequences = this.#sequences;
    const frame = sequences === this.#reports ? this.#frame : this.#look?.facts.frame ?? undefined;
    const message = textBelow(this.#node, this.#look, this.#isOfPresentValues || !this.#look ? this.#message : "");
    const shown = JSON.stringify([sequences, frame]);
    if (shown !== this.#shown) {
      this.#shown = shown;
      this.#player.show(sequences.map(sequenceOf), { frame, message });
    } else if (message !== this.#player.message) {
      this.#player.showMessage(message);
    }
  }

  /** Ask again for a picture that the server did not give. */
  retry() {
    this.#player.retry();
  }

  /** @param {string} run which begins */
  begin(run) {
    this.values.begin(run);
    this.#progress = null;
    this.errors.begin();
  }

  /**
   * The run has failed in this node.
   *
   * @param {string} text
   */
  fail(text) {
    this.errors.fail(text);
    this.#keepProgress("");
  }

  /** The run was interrupted in this node, or is lost. */
  stop() {
    if (this.#progress) this.#keepProgress(t("Stopped: %progress%", { progress: this.#progress.text }));
  }

  /** Put the player into its node, if ComfyUI has not. */
  attach() {
    attachTo(this.#node, this.#player.element);
  }

  /**
   * Restore the player after a page reload, a switch of workflow tabs or from the history.
   *
   * @param {ComfyOutput} [output] what ComfyUI has for the node, if anything
   */
  restore(output) {
    this.attach();
    const described = output?.image_sequence;
    const reported = described && JSON.stringify(described);
    if (described && reported === this.#reported) return;
    const remembered = recall(storageKey(this.#node));
    if (remembered && (!described || reported === remembered.reported)) {
      if (this.#reported === remembered.reported) return;
      this.#setReported(remembered.reported);
      this.values.restore(remembered.values);
      this.#reports = remembered.records;
      this.#message = remembered.message;
      this.update();
      this.#player.restore(remembered.state);
    } else if (described) {
      this.show(output, Date.now().toString(36)); // of an unknown run
    }
  }

  remember() {
    if (!this.#key) return;
    remember(this.#key, {
      reported: this.#reported,
      records: this.#reports,
      message: this.#message,
      values: this.values.ofReport,
      state: this.#player.state,
    });
  }

  release() {
    this.remember();
    this.#player.release();
  }

  /** Of the run, unless a look knows more about the present values. Savers have no look at their frames. */
  get #sequences() {
    if (!this.#look || this.#isSaver || this.#isOfPresentValues) return this.#reports;
    return this.#look.sequences.map((report) => ({ ...report, run: this.values.latest }));
  }

  get #isOfPresentValues() {
    return Boolean(this.#reported) && this.values.areThoseOfTheReport;
  }

  /** @param {RunReport[]} reports */
  #setReports(reports) {
    const earlier = this.#reports;
    this.#reports = this.#addsFrames ? reports.map((report) => withEarlierFrames(report, earlier)) : reports;
    this.#frame = frameToShow(reports, this.#addsFrames);
  }

  /**
   * @param {string} reported
   * @param {string} [run]
   */
  #setReported(reported, run) {
    this.#reported = reported;
    this.values.noteReport(run);
    this.#key = storageKey(this.#node);
  }

  /**
   * The run ended early: what it has made so far is what there is.
   *
   * @param {string} message
   */
  #keepProgress(message) {
    if (!this.#progress) return;
    const { report } = this.#progress;
    this.#progress = null;
    this.#message = message;
    this.#keep(report);
    this.#setReported(JSON.stringify(this.#reports), report.run);
    this.update();
    this.remember();
  }

  /** @param {RunReport} report of the frames that were made */
  #keep(report) {
    this.#reports = [report];
    this.#frame = frameToShow([report], true);
  }
}
