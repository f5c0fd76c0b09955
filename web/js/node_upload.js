// @ts-check

/**
 * Brings frames from the browser's machine into ComfyUI's input folder, and the loader to them: dropped on the node, or chosen
 * by its button. A file that is dropped on a loader is a frame, even a PNG with a workflow in it; that opens when it is
 * dropped beside the node.
 *
 * @typedef {import("./uploading/upload.js").Job} Job
 * @typedef {import("./uploading/dropped.js").Given} Given
 */

import { app } from "../../../scripts/app.js";
import { fillIn } from "./choosing.js";
import { hashes, listFolder, placeOf } from "./folders.js";
import { t } from "./locale.js";
import { addButton, labelButton } from "./node_button.js";
import { isVue } from "./renderer.js";
import { readChosen, readDrop } from "./uploading/dropped.js";
import { folderName, sortFiles } from "./uploading/frame_files.js";
import { someOf, tell, tellError } from "./uploading/report.js";
import { findFolder, sendFrame } from "./uploading/server.js";
import { sendAll } from "./uploading/upload.js";

export class NodeUpload {
  #node;
  #button;
  /** @type {AbortController | null} */
  #running = null;

  /** @param {ComfyNode} node a new loader */
  constructor(node) {
    this.#node = node;
    this.#button = addButton(node, "upload_frames", t("Upload frames..."), () => this.#press());
    node.onDragOver = ({ dataTransfer }) => [...(dataTransfer?.items ?? [])].some(({ kind }) => kind === "file");
    node.onDragDrop = ({ dataTransfer }) => this.#drop(dataTransfer);
    const { onRemoved } = node;
    node.onRemoved = (...given) => {
      this.#running?.abort();
      onRemoved?.apply(node, given);
    };
  }

  pickFiles() {
    const input = newFileInput();
    input.accept = ".png,.jpg,.jpeg,.webp,.bmp,.tif,.tiff,.exr";
    this.#takeFrom(input);
  }

  pickFolder() {
    const input = newFileInput();
    input.webkitdirectory = true;
    this.#takeFrom(input);
  }

  #press() {
    if (this.#running) this.#running.abort();
    else this.pickFiles();
  }

  /** @param {HTMLInputElement} input */
  #takeFrom(input) {
    input.addEventListener("change", () => void this.#take(readChosen([...(input.files ?? [])])));
    input.click();
  }

  /**
   * @param {DataTransfer | null} data
   * @returns {boolean} whether the drop is taken; if not, ComfyUI handles it
   */
  #drop(data) {
    const given = readDrop(data);
    if (given) {
      void this.#take(given);
      return true;
    }
    // Vue nodes of 1.42 do not pass on a drop that the node leaves, such as a workflow file.
    const [file] = data?.files ?? [];
    if (!file || !isVue()) return false;
    void app.handleFile(file);
    return true;
  }

  /** @param {Given | Promise<Given>} given */
  async #take(given) {
    if (this.#running) {
      const summary = t("This node is still uploading. Wait until it is done, or cancel it first.");
      app.extensionManager.toast.add({ severity: "warn", summary, life: 8000 });
      return;
    }
    await this.#run(async (signal) => {
      const { jobs, present, notes } = await this.#prepare(await given, signal);
      if (jobs.length + present.length) await this.#send(jobs, present, notes, signal);
      else tellError(notes.join(" "), t("There are no frames to upload."));
    });
  }

  /** @param {(signal: AbortSignal) => Promise<void>} upload which the button cancels */
  async #run(upload) {
    this.#running = new AbortController();
    const { signal } = this.#running;
    try {
      await upload(signal);
    } catch (error) {
      if (!signal.aborted) tellError(error);
    } finally {
      this.#running = null;
      labelButton(this.#node, this.#button, t("Upload frames..."));
    }
  }

  /**
   * @param {Given} given
   * @param {AbortSignal} signal
   * @returns {Promise<{ jobs: Job[], present: Job[], notes: string[] }>} `present`: what is on the server already
   */
  async #prepare({ sources, subfolders }, signal) {
    /** @type {Job[]} */
    const jobs = [];
    /** @type {Job[]} */
    const present = [];
    const others = [];
    const renamed = [];
    for (const source of sources) {
      const sorted = sortFiles(source.files);
      others.push(...sorted.others);
      renamed.push(...sorted.renamed.map(({ from, to }) => `${from} → ${to}`));
      if (!sorted.frames.length) continue;
      const found = await findFolder(folderName(source.folder, sorted.frames), sorted.frames, signal);
      for (const frame of sorted.frames) (found.present.has(frame.name) ? present : jobs).push({ folder: found.folder, frame });
    }
    return { jobs, present, notes: notesOn(others, renamed, subfolders) };
  }

  /**
   * @param {Job[]} jobs
   * @param {Job[]} present
   * @param {string[]} notes
   * @param {AbortSignal} signal
   */
  async #send(jobs, present, notes, signal) {
    const total = jobs.length + present.length;
    /** @param {number} sent */
    const onProgress = (sent) => {
      const done = sent + present.length;
      labelButton(this.#node, this.#button, t("Cancel (%done% of %total%)", { done, total }));
    };
    onProgress(0);
    const { sent, failures } = await sendAll(jobs, { send: sendFrame, signal, onProgress });
    const there = [...present, ...sent];
    const folders = [...new Set(there.map(({ folder }) => folder))];
    if (signal.aborted) {
      const summary = t("The upload was cancelled: %done% of %total% frames are in input.", { done: there.length, total });
      app.extensionManager.toast.add({ severity: "warn", summary, life: 8000 });
      return;
    }
    const filledIn = there.length ? await this.#fillIn(folders, there, signal) : [];
    const names = folders.map((folder) => `input/${folder}`).join(", ");
    const summary = t(["%count% frame is in %folder%.", "%count% frames are in %folder%."], {
      count: there.length,
      folder: names || "input",
    });
    const failed = failures.map(({ job }) => job);
    const retry = () => void this.#run((ended) => this.#send(failed, there, [], ended));
    tell({ summary, notes: [...filledIn, ...notes], failures }, retry);
  }

  /**
   * Choose the longest sequence in these folders.
   *
   * @param {string[]} folders
   * @param {Job[]} there
   * @param {AbortSignal} signal
   * @returns {Promise<string[]>} notes for the user
   */
  async #fillIn(folders, there, signal) {
    const choices = [];
    for (const folder of folders) {
      const answer = await listFolder({ type: "input", path: folder }, signal);
      choices.push(...answer.sequences.map((sequence) => ({ place: placeOf(answer), sequence })));
    }
    const longest = choices.sort((a, b) => b.sequence.count - a.sequence.count)[0] ?? unnumbered(there);
    if (!longest) return [];
    fillIn(this.#node, longest);
    if (choices.length < 2) return [];
    const name = hashes(longest.sequence.pattern);
    return [t("Chose %name%, the longest of %number% sequences.", { name, number: choices.length })];
  }
}

function newFileInput() {
  const input = document.createElement("input");
  input.type = "file";
  input.multiple = true;
  return input;
}

/**
 * The choice of a frame without a number in its name.
 *
 * @param {Job[]} there
 * @returns {import("./folders.js").Choice | null}
 */
function unnumbered([job]) {
  if (!job) return null;
  const { folder, frame } = job;
  const facts = { first: 0, last: 0, count: 1, ranges: "" };
  const sequence = { pattern: frame.name, path_pattern: `${folder}/${frame.name}`, ...facts };
  return { place: { type: "input", path: folder }, sequence };
}

/**
 * @param {string[]} others
 * @param {string[]} renamed
 * @param {string[]} subfolders
 */
function notesOn(others, renamed, subfolders) {
  return [
    others.length && t("Left out, because loaders cannot read them: %names%.", { names: someOf(others) }),
    renamed.length && t("Renamed, because not every system allows these names: %names%.", { names: someOf(renamed) }),
    subfolders.length && t("Subfolders left out: %names%.", { names: someOf(subfolders) }),
  ].filter((note) => note !== 0);
}
