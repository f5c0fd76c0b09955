// @ts-check

/**
 * The player of one node, and the node's sequences.
 *
 * @typedef {import("./reports.js").Report} Report
 * @typedef {import("./reports.js").RunReport} RunReport
 */

import { said, t } from "./locale.js";
import { NodeRoom } from "./node_room.js";
import { SequencePlayer } from "./player/sequence_player.js";
import { recall, remember, storageKey } from "./remembered.js";
import { attachTo, forwardToCanvas, setOwner } from "./renderer.js";
import { sequenceOf, withEarlierFrames } from "./reports.js";
import { workflowAction } from "./workflow_action.js";

export class NodePlayer {
  #node;
  #addsFrames;
  #player;
  #room;
  #reported = ""; // the shown output as JSON, to recognise one that is reported again
  /** @type {RunReport[]} */
  #reports = [];
  #key = ""; // under which the player's state is remembered
  /** @type {{ report: RunReport, text: string } | null} */
  #progress = null; // while the node runs
  #refusal = ""; // what the server finds wrong with this node in the last prompt
  #failure = ""; // why the last run failed in this node

  /**
   * @param {ComfyNode} node
   * @param {boolean} addsFrames whether each run adds a frame to those of earlier runs
   */
  constructor(node, addsFrames) {
    this.#node = node;
    this.#addsFrames = addsFrames;
    this.#player = new SequencePlayer({
      actions: [workflowAction()],
      translate: t,
      onLayout: () => this.#room.update(),
    });
    const { element } = this.#player;
    const widget = node.addDOMWidget("sequence_player", "sequence_player", element, {
      serialize: false, // not into the prompt
      hideOnZoom: false,
      hideInPanel: true,
      getMinHeight: () => this.#player.minHeight,
      getValue: () => "",
      setValue() {},
    });
    widget.serialize = false; // not into the workflow
    widget.hidden = true;
    this.#room = new NodeRoom(node, widget, this.#player);
    setOwner(element, node);
    forwardToCanvas(element);
  }

  /** Whether the shown files are floating point, as scene-linear ones are. */
  get isFloat() {
    return this.#reports.some(({ linear, float }) => linear || float);
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
    /** @type {Report[]} */
    const all = described.map((text) => JSON.parse(text));
    const message = said(all[0]?.words) || all[0]?.message || "";
    const reports = all.filter(({ pattern }) => pattern).map((report) => ({ ...report, run }));
    this.#setReported(JSON.stringify(described));
    if (reports.length) {
      this.#showReports(reports, message);
    } else {
      if (progress) this.#reports = [progress.report];
      this.#player.showMessage(message);
    }
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

  /** A run begins: errors of earlier runs are out of date now. */
  begin() {
    this.#progress = null;
    this.#failure = "";
    this.#showErrors();
  }

  /**
   * The run has failed in this node.
   *
   * @param {string} text
   */
  fail(text) {
    this.#failure = text;
    this.#showErrors();
    this.#keepProgress();
  }

  /**
   * The server has answered a prompt. The answer and the start of the prompt's valid branches come in either order, so
   * neither clears the other's message.
   *
   * @param {string} text "" if there is nothing wrong with this node
   */
  refuse(text) {
    if (text === this.#refusal) return;
    this.#refusal = text;
    this.#failure = "";
    this.#showErrors();
  }

  /** The run was interrupted in this node. */
  stop() {
    if (this.#progress) this.#player.showMessage(t("Stopped: %progress%", { progress: this.#progress.text }));
    this.#keepProgress();
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
      this.#reports = remembered.records;
      this.#player.show(this.#reports.map(sequenceOf), { message: remembered.message });
      this.#player.restore(remembered.state);
    } else if (described) {
      this.show(output, Date.now().toString(36)); // of an unknown run
    }
  }

  remember() {
    if (!this.#key) return;
    const { message, state } = this.#player;
    remember(this.#key, { reported: this.#reported, records: this.#reports, message, state });
  }

  release() {
    this.remember();
    this.#player.release();
  }

  /**
   * @param {RunReport[]} reports
   * @param {string} message
   */
  #showReports(reports, message) {
    const earlier = this.#reports;
    this.#reports = this.#addsFrames ? reports.map((report) => withEarlierFrames(report, earlier)) : reports;
    const frame = this.#addsFrames ? reports[0]?.last : undefined;
    this.#player.show(this.#reports.map(sequenceOf), { frame, message });
  }

  #showErrors() {
    this.attach();
    this.#player.showError(this.#refusal || this.#failure);
  }

  /** @param {string} reported */
  #setReported(reported) {
    this.#reported = reported;
    this.#key = storageKey(this.#node);
  }

  /** The run ended early: what it has made so far is what there is. */
  #keepProgress() {
    if (!this.#progress) return;
    this.#reports = [this.#progress.report];
    this.#setReported(JSON.stringify(this.#reports));
    this.#progress = null;
    this.remember();
  }
}
