// @ts-check

/**
 * Puts a sequence player into the pack's nodes: what ComfyUI's events, stores and routes say, in the player's terms.
 * How ComfyUI's frontends 1.27, 1.42 and 1.58 behave was measured; where a line is there for one of them, it says so.
 *
 * @typedef {object} Report a sequence as a node reports it (io_utils/report.py)
 * @property {string} pattern as Python's str.format reads it, with one field for the frame number
 * @property {number} first frame number
 * @property {number} last frame number
 * @property {number} step
 * @property {number[]} missing
 * @property {string} type "output", "input" or "temp", and `subfolder` a path in there; or "", and `folder` an absolute path
 * @property {string} subfolder
 * @property {string} folder
 * @property {number | null} fps
 * @property {string} [message]
 *
 * @typedef {Report & { run: string }} Told a report, and the run whose pictures are meant
 * @typedef {{ record: Told, text: string }} Live what a run is at
 * @typedef {import("./player/sequence_player.js").Sequence} Sequence
 */

import { app } from "../../../scripts/app.js";
import { api } from "../../../scripts/api.js";
import { labelOf, loadLocales, noteLanguage, t } from "./locale.js";
import { SequencePlayer } from "./player/sequence_player.js";

// One frame a run: what they report is added to the frames of the runs before.
const ONE_FRAME_A_RUN = ["ImageSequenceSaveFrame", "ImageSequenceSaveCounted", "ImageSequenceLoadFrame"];
const MANY_FRAMES_A_RUN = ["ImageSequenceSaveBatch", "ImageSequenceLoadBatch", "ImageSequenceFromAnimation"];

// Of the picture in a node that had no room for it, in its own shape as far as this goes; and of what stands below.
const PICTURE_HEIGHT = { least: 120, most: 400 };
const BELOW_PICTURE = 76;

// As the frontend reads them: PNG text, and ComfyUI's way of putting text into EXIF.
const EMBEDDED_WORKFLOW = /[ti](?:EXt|TXt)(?:workflow|prompt)\0|\b(?:workflow|prompt):\s*\{/i;

const WORKFLOW_ICON = '<path d="M2 3h5v4H2zM9 9h5v4H9zM4.5 7v4H9"/>';

/** @type {WeakMap<ComfyNode, NodePlayer>} */
const players = new WeakMap();
/** @type {WeakMap<Element, NodePlayer>} by the element of the player */
const owners = new WeakMap();
let run = ""; // what tells this run's pictures from those of the same name before, in this page

/** The player of one node, and what it knows of the node's sequences. */
class NodePlayer {
  #node;
  #player;
  #widget;
  #adds;
  #reported = ""; // the output shown, to tell whether one that is announced is new
  /** @type {Told[]} */
  #records = [];
  #key = ""; // of what is kept: a node that is being removed may have lost its graph, and the graph its id
  /** @type {Live | null} */
  #live = null; // while the node runs
  #refusal = ""; // why the last prompt was refused, as far as it is this node's fault
  #failure = ""; // why the last run failed in this node
  /** @type {boolean | null} */
  #wantsRoom = null; // null: it is not known yet

  /**
   * @param {ComfyNode} node
   * @param {boolean} adds
   */
  constructor(node, adds) {
    this.#node = node;
    this.#adds = adds;
    this.#player = new SequencePlayer({
      actions: [{ label: t("Open the workflow of this frame"), icon: WORKFLOW_ICON, run: openWorkflow }],
      translate: t,
      onLayout: () => this.#makeRoom(),
    });
    const { element } = this.#player;
    this.#widget = node.addDOMWidget("sequence_player", "sequence_player", element, {
      serialize: false, // not into the prompt
      hideOnZoom: false,
      hideInPanel: true,
      getMinHeight: () => this.#player.minHeight,
      getValue: () => "",
      setValue() {},
    });
    this.#widget.serialize = false; // not into the workflow
    this.#widget.hidden = true;
    owners.set(element, this);
    forwardToCanvas(element);
  }

  /**
   * The node has run, now or in the run that `token` stands for.
   *
   * @param {ComfyOutput | null | undefined} output
   */
  show(output, token = run) {
    const described = output?.image_sequence;
    if (!described?.length) return;
    this.attach();
    const live = this.#live;
    this.#live = null;
    /** @type {Report[]} */
    const reports = described.map((text) => JSON.parse(text));
    const message = reports[0]?.message ?? "";
    const records = reports.filter(({ pattern }) => pattern).map((report) => ({ ...report, run: token }));
    this.#keep(JSON.stringify(described));
    if (records.length) {
      this.#records = this.#adds ? records.map((record) => this.#joined(record)) : records;
      const frame = this.#adds ? records[0]?.last : undefined;
      this.#player.show(this.#records.map(sequenceOf), { frame, message });
    } else {
      if (live) this.#records = [live.record];
      this.#player.showMessage(message);
    }
    this.remember();
  }

  /** @param {{ sequence: Report, text: string }} event */
  showProgress({ sequence, text }) {
    this.attach();
    const record = { ...sequence, run };
    this.#live = { record, text };
    this.#player.showProgress(sequenceOf(record), sequence.last, text);
  }

  /** A run begins: errors of earlier runs are out of date now. */
  begin() {
    this.#live = null;
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
    this.#keepLive();
  }

  /**
   * The server has answered to a prompt: "" if there is nothing wrong with this node. The answer and the start of the
   * prompt's other branches come in either order, so the one does not take away what the other says.
   *
   * @param {string} text
   */
  refuse(text) {
    if (text === this.#refusal) return;
    this.#refusal = text;
    this.#failure = "";
    this.#showErrors();
  }

  stop() {
    if (this.#live) this.#player.showMessage(t("Stopped: %progress%", { progress: this.#live.text }));
    this.#keepLive();
  }

  /**
   * Put the player where it belongs, if ComfyUI has not. When Vue nodes are made anew under their old ids (Undo, 1.42 and
   * 1.58), their widgets stay, with the elements of the nodes that are gone.
   */
  attach() {
    const { element } = this.#player;
    if (!isVue() || element.isConnected) return;
    for (const other of document.querySelectorAll(".seqplayer")) {
      if (owners.get(other)?.isPredecessorOf(this)) return other.replaceWith(element);
    }
  }

  /**
   * Was the node of `other` put in the place of ours?
   *
   * @param {NodePlayer} other
   */
  isPredecessorOf(other) {
    const { graph, id } = other.#node;
    const stands = graph?.getNodeById(id);
    return this !== other && String(this.#node.id) === String(id) && stands === other.#node && graph === app.canvas.graph;
  }

  /**
   * Back after a page reload, a switch of workflow tabs or from history: `output` if ComfyUI has one for the node.
   *
   * @param {ComfyOutput} [output]
   */
  restore(output) {
    this.attach();
    const described = output?.image_sequence;
    if (described && JSON.stringify(described) === this.#reported) return;
    const kept = recall(storageKey(this.#node));
    if (kept && (!described || JSON.stringify(described) === kept.reported)) {
      if (this.#reported === kept.reported) return;
      this.#keep(kept.reported);
      this.#records = kept.records;
      this.#player.show(kept.records.map(sequenceOf), { message: kept.message });
      this.#player.restore(kept.state);
    } else if (described) {
      this.show(output, Date.now().toString(36));
    }
  }

  /** For this browser tab only: in the workflow it would count as a change of the graph, and run it again. */
  remember() {
    if (!this.#key) return;
    const message = this.#player.message;
    const kept = { reported: this.#reported, records: this.#records, message, state: this.#player.state };
    try {
      sessionStorage.setItem(this.#key, JSON.stringify(kept));
    } catch (error) {
      // Full, or forbidden by the browser's privacy settings: then a reload forgets.
      if (!(error instanceof DOMException)) throw error;
    }
  }

  release() {
    this.remember();
    this.#player.release();
  }

  #showErrors() {
    this.attach();
    this.#player.showError(this.#refusal || this.#failure);
  }

  /** @param {string} reported */
  #keep(reported) {
    this.#reported = reported;
    this.#key = storageKey(this.#node);
  }

  #keepLive() {
    if (!this.#live) return;
    this.#records = [this.#live.record];
    this.#keep(JSON.stringify(this.#records));
    this.#live = null;
    this.remember();
  }

  /**
   * `record`, of one frame, with the frames of the same files that were shown before.
   *
   * @param {Told} record
   */
  #joined(record) {
    const before = this.#records.find((other) => keyOf(other) === keyOf(record));
    if (!before || record.first !== record.last) return record;
    const frame = record.first;
    const span = before.last - before.first;
    const step = greatestCommonDivisor(span && before.step, Math.abs(frame - before.first)) || 1;
    // Nothing is known of frames between; they are asked for when they are looked at. Pictures are loaded anew only
    // where a file may have been replaced.
    const isNew = frame < before.first || frame > before.last;
    return {
      ...record,
      first: Math.min(before.first, frame),
      last: Math.max(before.last, frame),
      step,
      missing: [...new Set([...before.missing, ...record.missing])].filter((number) => number !== frame),
      run: isNew ? before.run : record.run,
    };
  }

  #makeRoom() {
    const { layout, aspect } = this.#player;
    const node = this.#node;
    this.#widget.hidden = layout === "empty";
    const [width, height] = node.size;
    let needed = node.computeSize()[1];
    if (layout === "picture") {
      // A node as tall as this had its size given with a player in it, by its user.
      this.#wantsRoom ??= height < needed;
      if (aspect && this.#wantsRoom) {
        this.#wantsRoom = false;
        const { least, most } = PICTURE_HEIGHT;
        const picture = Math.min(most, Math.max(least, (width - 20) / aspect));
        needed += Math.max(0, picture + BELOW_PICTURE - this.#player.minHeight);
      }
    }
    if (height < needed) node.setSize([width, needed]);
    app.graph.setDirtyCanvas(true, true);
  }
}

// --- sequences --------------------------------------------------------------------------------------------------------

/**
 * What the player needs to know, of what a node reports (io_utils/report.py).
 *
 * @param {Told} record
 * @returns {Sequence}
 */
function sequenceOf(record) {
  const { pattern, subfolder, type, folder } = record;
  /** @param {number} frame */
  const place = (frame) => {
    const name = frameName(pattern, frame);
    const [below, filename] = splitPath(name);
    /** @type {{ [name: string]: string }} */
    const at = type
      ? { type, subfolder: joinPath(subfolder, below), filename }
      : { type, folder: joinPath(folder, below), filename };
    return { name, at };
  };
  // Of a run before, this page has other pictures. The server is not told of runs: the browser asks it whether the file
  // has changed, whoever wrote it.
  /** @param {{ [name: string]: string }} query */
  const url = (query) => `${api.apiURL(`/image_sequence/preview?${new URLSearchParams(query)}`)}#${record.run}`;
  return {
    key: keyOf(record),
    label: joinPath(subfolder || folder, pattern.replace(/\{[^{}]*\}/g, "#")),
    first: record.first,
    last: record.last,
    step: record.step,
    missing: record.missing,
    fps: record.fps,
    name: (frame) => place(frame).name,
    path: (frame) => joinPath(folder || joinPath(type, subfolder), frameName(pattern, frame)),
    preview: (frame, size) => url({ ...place(frame).at, size: String(size) }),
    full: (frame) => url(place(frame).at),
  };
}

/** @param {Report} report */
function keyOf({ pattern, subfolder, type, folder }) {
  return [type, type ? subfolder : folder, pattern].join("|");
}

/**
 * What Python's `pattern.format(frame)` is, for the patterns that reports have.
 *
 * @param {string} pattern
 * @param {number} frame
 */
function frameName(pattern, frame) {
  return pattern.replace(/\{\{|\}\}|\{\d*(?::0(\d+)d)?\}/g, (field, width) =>
    field === "{{" || field === "}}" ? field.slice(1) : String(frame).padStart(Number(width ?? 0), "0"),
  );
}

/** @param {string[]} parts */
function joinPath(...parts) {
  return parts.filter(Boolean).join("/");
}

/**
 * @param {string} path
 * @returns {[folder: string, name: string]}
 */
function splitPath(path) {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? ["", path] : [path.slice(0, slash), path.slice(slash + 1)];
}

/**
 * @param {number} a
 * @param {number} b
 * @returns {number}
 */
function greatestCommonDivisor(a, b) {
  return b ? greatestCommonDivisor(b, a % b) : a;
}

/**
 * @param {Sequence} sequence
 * @param {number} frame
 */
async function openWorkflow(sequence, frame) {
  const name = sequence.name(frame);
  const answer = await fetch(sequence.full(frame));
  if (!answer.ok) throw new Error(t("%name% cannot be read any more.", { name }));
  const blob = await answer.blob();
  // Without one, the frontend would make a Load Image node of the frame.
  const text = new TextDecoder("latin1").decode(await blob.arrayBuffer());
  if (!EMBEDDED_WORKFLOW.test(text)) throw new Error(t("%name% carries no workflow.", { name }));
  await app.handleFile(new File([blob], splitPath(name)[1], { type: blob.type }));
  return t("Workflow opened.");
}

// --- nodes and graphs -------------------------------------------------------------------------------------------------

function rootGraph() {
  return app.rootGraph ?? app.graph; // 1.27 has no rootGraph
}

/**
 * "5:12" is node 12 in the subgraph that node 5 stands for.
 *
 * @param {number | string} executionId
 */
function playerOf(executionId) {
  /** @type {ComfyNode | null | undefined} */
  let node = null;
  /** @type {ComfyGraph | undefined} */
  let graph = rootGraph();
  for (const id of String(executionId).split(":")) {
    node = graph?.getNodeById(id);
    graph = node?.subgraph;
  }
  return node ? players.get(node) : undefined;
}

/**
 * [node, player] of all nodes that have one, in subgraphs too.
 *
 * @returns {Generator<[ComfyNode, NodePlayer]>}
 */
function* allPlayers() {
  const root = rootGraph();
  for (const graph of [root, ...(root.subgraphs?.values() ?? [])]) {
    for (const node of graph.nodes) {
      const player = players.get(node);
      if (player) yield [node, player];
    }
  }
}

/**
 * As ComfyUI names nodes in its outputs: "12", or "<uuid of the subgraph>:12".
 *
 * @param {ComfyNode} node
 */
function locator(node) {
  return !node.graph || node.graph === rootGraph() ? String(node.id) : `${node.graph.id}:${node.id}`;
}

/** @param {ComfyNode} node */
function storageKey(node) {
  return `image_sequence:${rootGraph().id}:${locator(node)}`;
}

/** @param {string} key */
function recall(key) {
  const kept = sessionStorage.getItem(key);
  return kept && JSON.parse(kept);
}

/**
 * What the answer to a prompt says to our nodes: 1.58 hides it behind two clicks.
 *
 * @param {ComfyNodeErrors | null | undefined} nodeErrors
 */
function showRefusals(nodeErrors) {
  if (!nodeErrors) return; // no answer to a prompt
  const refused = new Map(Object.entries(nodeErrors).map(([id, said]) => [playerOf(id), said?.errors]));
  for (const [node, player] of allPlayers()) {
    const errors = refused.get(player);
    player.refuse(Array.isArray(errors) ? refusalOf(node, errors) : "");
  }
}

/**
 * The server's errors about a node, each once, in lines.
 *
 * @param {ComfyNode} node
 * @param {(ComfyInputError | null)[]} errors
 */
function refusalOf(node, errors) {
  /** @type {Map<string, string[]>} what is wrong -> the inputs that the server blames for it */
  const lines = new Map();
  for (const error of errors) {
    const { type, message, details, extra_info: extra } = error ?? {};
    const input = extra?.input_name ?? "";
    const label = labelOf(node, input);
    if (type === "required_input_missing" && input) {
      lines.set(t("Nothing is connected to %input%, which is required.", { input: label }), []);
    } else if (type === "custom_validation_failed" && details?.startsWith(`${input} - `)) {
      // The node's own words, behind the name of whatever input its check happens to take.
      const text = details.slice(input.length + 3);
      lines.set(text, [...(lines.get(text) ?? []), label]);
    } else if (message || details) {
      lines.set([message, details].filter(Boolean).join(": "), []);
    }
  }
  // If several inputs are blamed, naming one does not help.
  return [...lines].map(([text, blamed]) => (blamed.length === 1 ? `${blamed[0]}: ${text}` : text)).join("\n");
}

function isVue() {
  return Boolean(LiteGraph.vueNodesMode);
}

/**
 * On the canvas, the wheel, the middle and the right button over the player do what they do everywhere else.
 *
 * @param {HTMLElement} element
 */
function forwardToCanvas(element) {
  const isOnCanvas = () => !isVue(); // Vue nodes let them through by themselves
  element.addEventListener("wheel", (event) => {
    if (!isOnCanvas()) return;
    event.preventDefault();
    app.canvas.processMouseWheel(event);
  }, { passive: false });
  /** @param {"processMouseDown" | "processMouseMove" | "processMouseUp"} name */
  const forward = (name) => (/** @type {PointerEvent} */ event) => {
    const isOurs = event.type === "pointermove" ? !(event.buttons & 4) : event.button === 0;
    if (isOnCanvas() && !isOurs) app.canvas[name](event);
  };
  element.addEventListener("pointerdown", forward("processMouseDown"));
  element.addEventListener("pointermove", forward("processMouseMove"));
  element.addEventListener("pointerup", forward("processMouseUp"));
  element.addEventListener("contextmenu", (event) => isOnCanvas() && event.preventDefault());
}

/**
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

app.registerExtension({
  name: "ImageSequence.Player",

  init: loadLocales,

  beforeRegisterNodeDef(nodeType, { name }) {
    const adds = ONE_FRAME_A_RUN.includes(name);
    if (!adds && !MANY_FRAMES_A_RUN.includes(name)) return;
    // The canvas would load every frame and draw them all in a grid (Vue nodes: hideOutputImages).
    nodeType.prototype.onDrawBackground = () => {};
    chain(nodeType.prototype, "onNodeCreated", (node) => {
      node.hideOutputImages = true;
      noteLanguage(node);
      players.set(node, new NodePlayer(node, adds));
    });
    chain(nodeType.prototype, "onExecuted", (node, output) => players.get(node)?.show(output));
    chain(nodeType.prototype, "onRemoved", (node) => players.get(node)?.release());
  },

  setup() {
    api.addEventListener("execution_start", ({ detail }) => {
      run = detail.prompt_id;
      for (const [, player] of allPlayers()) player.begin();
    });
    api.addEventListener("image_sequence.progress", ({ detail }) => playerOf(detail.node)?.showProgress(detail));
    api.addEventListener("execution_error", ({ detail }) => {
      playerOf(detail.node_id)?.fail(String(detail.exception_message ?? "").trim());
    });
    api.addEventListener("execution_interrupted", ({ detail }) => playerOf(detail.node_id)?.stop());
    addEventListener("pagehide", () => {
      for (const [, player] of allPlayers()) player.remember();
    });

    // No event tells of a refused prompt, and the store that app.lastNodeErrors reads cannot be watched from outside in
    // all of 1.27, 1.42 and 1.58. So we listen to the answer; the caller gets what we got. That may be anything: other
    // extensions wrap this function too.
    const { queuePrompt } = api;
    api.queuePrompt = function (...given) {
      const answer = queuePrompt.apply(this, given);
      Promise.resolve(answer).then(
        (accepted) => showRefusals(accepted?.node_errors),
        (refused) => showRefusals(refused?.response?.node_errors),
      );
      return answer;
    };
  },

  afterConfigureGraph() {
    for (const [, player] of allPlayers()) player.restore();
    // Vue renders the new nodes after this.
    requestAnimationFrame(() => {
      for (const [, player] of allPlayers()) player.attach();
    });
  },

  onNodeOutputsUpdated(outputs) {
    for (const [node, player] of allPlayers()) player.restore(outputs?.[locator(node)]);
  },
});
