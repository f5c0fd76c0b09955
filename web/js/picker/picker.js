// @ts-check

/**
 * A dialog to choose a frame sequence from folders, with the keyboard or the mouse. A plain DOM component: the caller says
 * what is in a folder, and what happens with the choice.
 *
 * @typedef {object} Folder
 * @property {string} name
 * @property {unknown} place for `list`
 *
 * @typedef {object} Sequence
 * @property {string} name for example "f_####.png"
 * @property {number} count of frames on disk
 * @property {string} ranges "1001-1010,1012"
 * @property {number} missing how many frames between the first and the last are not on disk
 * @property {string} picture URL of its first frame; "" for none
 * @property {unknown} value for `choose`
 *
 * @typedef {object} Listing what is directly in one folder
 * @property {string} path as the user reads it
 * @property {Folder | null} parent null in a root
 * @property {(Folder & { isHere: boolean })[]} roots where the user may start; `isHere` marks the one that `path` is in
 * @property {Folder[]} folders
 * @property {Sequence[]} sequences
 * @property {boolean} isComplete whether everything in the folder is listed
 *
 * @typedef {object} Action a further button, which closes the dialog
 * @property {string} label
 * @property {() => void} run
 *
 * @typedef {object} Options
 * @property {(place: unknown) => Promise<Listing>} list a rejection's message is shown to the user
 * @property {(value: unknown) => void} choose called once, after the dialog is closed
 * @property {Action[]} [actions]
 * @property {import("../player/fill.js").Translate} [translate]
 *
 * @typedef {{ folder: Folder, sequence?: undefined } | { sequence: Sequence, folder?: undefined }} Entry
 */

import { inEnglish } from "../player/fill.js";
import { EntryList } from "./entry_list.js";
import { returnFocus } from "./focus.js";
import { listenToKeys } from "./keyboard.js";
import { build } from "./markup.js";
import { Preview } from "./preview.js";
import { newButton, Roots } from "./roots.js";

export class Picker {
  /** The dialog. It is in the page while it is open. */
  element = document.createElement("dialog");

  #options;
  #t;
  #parts;
  #entries;
  #preview;
  /** @type {Listing | null} */
  #listing = null;
  #roots;
  #asked = 0; // the newest question to `list`: the answers to earlier ones are out of date

  /** @param {Options} options */
  constructor({ translate = inEnglish, ...options }) {
    this.#options = options;
    this.#t = translate;
    const parts = build(this.element, translate);
    this.#parts = parts;
    this.#preview = new Preview(parts.picture);
    this.#entries = new EntryList(parts.list, parts.filter, translate, {
      onSelect: (entry) => this.#describe(entry),
      onActivate: () => this.activate(),
    });
    this.#roots = new Roots(parts.roots, (root) => this.openFolder(root));
    this.#addActions(options.actions ?? []);
    parts.filter.addEventListener("input", () => this.#showEntries());
    parts.up.addEventListener("click", () => this.goUp());
    parts.choose.addEventListener("click", () => this.activate());
    parts.cancel.addEventListener("click", () => this.close());
    this.element.addEventListener("click", (event) => event.target === this.element && this.close()); // the backdrop
    this.element.addEventListener("close", () => this.#remove());
    returnFocus(this.element, parts.filter);
    listenToKeys(this.element, this, this.#entries);
  }

  /**
   * Show the dialog at a place, or at `otherwise` if that cannot be listed. The browser returns the focus when it closes.
   *
   * @param {unknown} place
   * @param {unknown} [otherwise]
   */
  async open(place, otherwise = place) {
    document.body.append(this.element);
    this.element.showModal();
    this.#parts.filter.focus();
    if (!(await this.#go(place, "", place !== otherwise))) await this.#go(otherwise);
  }

  close() {
    this.element.close();
  }

  /** Whether keys edit the text of the filter. */
  get isFiltering() {
    return this.#parts.filter.value !== "";
  }

  /** Open the selected folder, or choose the selected sequence. */
  activate() {
    const { selected } = this.#entries;
    if (selected?.folder) this.openFolder(selected.folder);
    if (selected?.sequence) {
      this.close();
      this.#options.choose(selected.sequence.value);
    }
  }

  /** Open the selected entry if it is a folder. */
  openSelectedFolder() {
    const { selected } = this.#entries;
    if (selected?.folder) this.openFolder(selected.folder);
  }

  /** @param {Folder} folder */
  openFolder({ place }) {
    void this.#go(place);
  }

  goUp() {
    const { parent, path } = this.#listing ?? {};
    if (parent) void this.#go(parent.place, lastName(path ?? ""));
  }

  /**
   * @param {unknown} place
   * @param {string} [selected] name of the folder to select there
   * @param {boolean} [isTrial] whether an error is left to the caller
   * @returns {Promise<boolean>} whether nothing remains to be done
   */
  async #go(place, selected = "", isTrial = false) {
    const asked = ++this.#asked;
    this.#parts.list.setAttribute("aria-busy", "true");
    try {
      const listing = await this.#options.list(place);
      if (asked === this.#asked) this.#show(listing, selected);
    } catch (error) {
      if (asked !== this.#asked) return true;
      if (isTrial) return false;
      this.#fail(error instanceof Error ? error.message : String(error));
    }
    return true;
  }

  /**
   * @param {Listing} listing
   * @param {string} selected
   */
  #show(listing, selected) {
    this.#listing = listing;
    this.#parts.filter.value = "";
    this.#parts.path.textContent = listing.path;
    this.#parts.path.title = listing.path;
    this.#parts.up.disabled = !listing.parent;
    this.#roots.show(listing.roots);
    this.#tell(listing.isComplete ? "" : this.#t("This folder has too many files to list them all."));
    this.#showEntries(selected);
  }

  /**
   * Show an error, and leave the roots as the way out.
   *
   * @param {string} message
   */
  #fail(message) {
    this.#listing = null;
    this.#parts.up.disabled = true;
    this.#parts.path.textContent = "";
    this.#roots.unmark();
    this.#entries.show([], "");
    this.#tell(message, true);
  }

  /** @param {string} [selected] */
  #showEntries(selected = "") {
    if (!this.#listing) return;
    const wanted = this.#parts.filter.value.trim().toLowerCase();
    /** @type {Entry[]} */
    const all = [
      ...this.#listing.folders.map((folder) => ({ folder })),
      ...this.#listing.sequences.map((sequence) => ({ sequence })),
    ];
    const left = all.filter((entry) => nameOf(entry).toLowerCase().includes(wanted));
    const none = all.length ? this.#t("Nothing here matches the filter.") : this.#t("This folder has no frames and no folders.");
    this.#parts.empty.textContent = left.length ? "" : none;
    this.#entries.show(left, selected);
  }

  /** @param {Entry | null} entry */
  #describe(entry) {
    this.#parts.choose.disabled = !entry;
    this.#parts.choose.textContent = entry?.folder ? this.#t("Open folder") : this.#t("Choose");
    this.#preview.show(entry?.sequence?.picture ?? "");
  }

  /**
   * @param {string} text
   * @param {boolean} [isError]
   */
  #tell(text, isError = false) {
    this.#parts.list.removeAttribute("aria-busy");
    this.#parts.message.textContent = text;
    this.#parts.message.classList.toggle("seqpicker-error", isError);
    if (isError) this.#parts.empty.textContent = "";
  }

  /** @param {Action[]} actions */
  #addActions(actions) {
    for (const { label, run } of actions) {
      const button = newButton(label);
      button.addEventListener("click", () => {
        this.close();
        run();
      });
      this.#parts.actions.append(button);
    }
  }

  #remove() {
    this.#asked++;
    this.#preview.show("");
    this.element.remove();
  }
}

/** @param {Entry} entry */
function nameOf({ folder, sequence }) {
  return folder?.name ?? sequence?.name ?? "";
}

/** @param {string} path */
function lastName(path) {
  return path.slice(path.lastIndexOf("/") + 1);
}
