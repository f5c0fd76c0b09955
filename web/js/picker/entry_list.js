// @ts-check

/**
 * The list of folders and sequences. Only the rows in sight are in the page, so 10,000 cost as little as 20. The focus stays
 * in the filter field, which names the selected row to screen readers (a combobox with a listbox, see
 * https://www.w3.org/WAI/ARIA/apg/patterns/combobox/).
 *
 * @typedef {import("./picker.js").Entry} Entry
 */

import { clamp } from "../player/clamp.js";

const ROW = 44; // pixels, as in picker.css
const BEYOND = 5; // rows above and below those in sight

export class EntryList {
  #list;
  #field;
  #t;
  #on;
  #rows = document.createElement("div");
  /** @type {Entry[]} */
  #entries = [];
  /** @type {Map<number, HTMLElement>} */
  #drawn = new Map();
  #index = -1;

  /**
   * @param {HTMLElement} list
   * @param {HTMLElement} field that has the focus
   * @param {import("../player/fill.js").Translate} t
   * @param {{ onSelect: (entry: Entry | null) => void, onActivate: () => void }} on
   */
  constructor(list, field, t, on) {
    this.#list = list;
    this.#field = field;
    this.#t = t;
    this.#on = on;
    this.#rows.className = "seqpicker-rows";
    this.#rows.setAttribute("role", "presentation");
    list.append(this.#rows);
    list.addEventListener("scroll", () => this.#draw(), { passive: true });
    list.addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps the focus
    list.addEventListener("click", (event) => this.#select(indexAt(event)));
    list.addEventListener("dblclick", (event) => indexAt(event) === this.#index && on.onActivate());
    new ResizeObserver(() => this.#draw()).observe(list);
  }

  get selected() {
    return this.#entries[this.#index] ?? null;
  }

  /** Rows that are in sight as a whole. */
  get pageSize() {
    return Math.max(1, Math.floor(this.#list.clientHeight / ROW) - 1);
  }

  /**
   * @param {Entry[]} entries
   * @param {string} folder name of the folder to select; without it the first entry is selected
   */
  show(entries, folder) {
    this.#entries = entries;
    this.#rows.style.height = `${entries.length * ROW}px`;
    for (const row of this.#drawn.values()) row.remove();
    this.#drawn.clear();
    this.#index = -1;
    this.#list.scrollTop = 0;
    const found = entries.findIndex((entry) => folder && entry.folder?.name === folder);
    this.#select(entries.length ? Math.max(0, found) : -1);
  }

  /** @param {number} rows down; may be infinite */
  move(rows) {
    if (this.#entries.length) this.#select(clamp(this.#index + rows, 0, this.#entries.length - 1));
  }

  /** @param {number} index */
  #select(index) {
    if (index < 0 && this.#entries.length) return; // beside the rows
    this.#index = index;
    const top = index * ROW;
    const { scrollTop, clientHeight } = this.#list;
    if (top < scrollTop) this.#list.scrollTop = top;
    else if (top + ROW > scrollTop + clientHeight) this.#list.scrollTop = top + ROW - clientHeight;
    this.#draw();
    this.#on.onSelect(this.selected);
  }

  #draw() {
    const { scrollTop, clientHeight } = this.#list;
    const from = Math.max(0, Math.floor(scrollTop / ROW) - BEYOND);
    const to = Math.min(this.#entries.length, Math.ceil((scrollTop + clientHeight) / ROW) + BEYOND);
    for (const [index, row] of this.#drawn) {
      if (index >= from && index < to) continue;
      row.remove();
      this.#drawn.delete(index);
    }
    for (let index = from; index < to; index++) {
      const row = this.#drawn.get(index) ?? this.#add(index);
      row.setAttribute("aria-selected", String(index === this.#index));
    }
    const selected = this.#drawn.get(this.#index);
    if (selected) this.#field.setAttribute("aria-activedescendant", selected.id);
    else this.#field.removeAttribute("aria-activedescendant");
  }

  /** @param {number} index */
  #add(index) {
    const entry = /** @type {Entry} */ (this.#entries[index]);
    const row = document.createElement("div");
    row.id = `seqpicker-${index}`;
    row.dataset.index = String(index);
    row.className = `seqpicker-row seqpicker-${entry.folder ? "folder" : "sequence"}`;
    row.style.top = `${index * ROW}px`;
    row.setAttribute("role", "option");
    row.setAttribute("aria-posinset", String(index + 1));
    row.setAttribute("aria-setsize", String(this.#entries.length));
    row.append(...(entry.folder ? this.#folderParts(entry.folder.name) : this.#sequenceParts(entry.sequence)));
    this.#drawn.set(index, row);
    this.#rows.append(row);
    return row;
  }

  /** @param {string} name */
  #folderParts(name) {
    return [part("name", name), part("detail", this.#t("Folder"))];
  }

  /** @param {import("./picker.js").Sequence} sequence */
  #sequenceParts({ name, count, ranges, missing }) {
    const detail = part("detail", `${this.#t(["%count% frame", "%count% frames"], { count })}: ${ranges}`);
    if (!missing) return [part("name", name), detail];
    return [part("name", name), detail, part("missing", this.#t("%missing% missing", { missing }))];
  }
}

/**
 * @param {string} kind
 * @param {string} text
 */
function part(kind, text) {
  const element = document.createElement("span");
  element.className = `seqpicker-${kind}`;
  element.textContent = text;
  element.title = text;
  return element;
}

/** @param {Event} event */
function indexAt({ target }) {
  const row = target instanceof Element ? target.closest("[data-index]") : null;
  return row instanceof HTMLElement ? Number(row.dataset.index) : -1;
}
