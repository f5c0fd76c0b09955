// @ts-check

/**
 * The buttons over the picture: zoom, open, copy the path, and those that the player's user adds.
 *
 * @typedef {import("./sequence.js").Sequence} Sequence
 *
 * @typedef {object} Action a further button
 * @property {string} label
 * @property {string} icon content of a 16 x 16 svg
 * @property {(sequence: Sequence, frame: number) => Promise<string>} run does it and says so in a few words; the message
 *   of an error is shown, too
 *
 * @typedef {object} ToolParts
 * @property {HTMLElement} tools
 * @property {HTMLButtonElement} zoom
 * @property {HTMLAnchorElement} open
 * @property {HTMLButtonElement} copy
 *
 * @typedef {object} ToolCommands
 * @property {() => void} toggleZoom
 * @property {(run: Action["run"]) => Promise<void>} act run it for the frame that is looked at, and show what it says
 */

import { copyText } from "./clipboard.js";
import { labelButton, svg } from "./dom.js";

export class Tools {
  #parts;
  #t;

  /**
   * @param {ToolParts} parts
   * @param {import("./fill.js").Translate} translate
   * @param {Action[]} actions
   * @param {ToolCommands} commands
   */
  constructor(parts, translate, actions, commands) {
    this.#parts = parts;
    this.#t = translate;
    parts.zoom.addEventListener("click", () => commands.toggleZoom());
    parts.copy.addEventListener("click", () => commands.act((sequence, frame) => this.#copyPath(sequence.path(frame))));
    for (const { label, icon, run } of actions) {
      const button = actionButton(label, icon);
      button.addEventListener("click", () => commands.act(run));
      parts.tools.append(button);
    }
  }

  /**
   * @param {boolean} isZoomed
   * @param {string} url of the file
   */
  update(isZoomed, url) {
    const { zoom, open } = this.#parts;
    labelButton(zoom, isZoomed ? "fit" : "zoom", isZoomed ? this.#t("Fit into the view") : this.#t("Show at 100 %"));
    zoom.setAttribute("aria-pressed", String(isZoomed));
    if (open.getAttribute("href") !== url) open.href = url;
  }

  /** @param {string} path */
  async #copyPath(path) {
    if (!(await copyText(path))) throw new Error(this.#t("Could not copy. The path is %path%", { path }));
    return this.#t("Path copied.");
  }
}

/**
 * @param {string} label
 * @param {string} icon
 */
function actionButton(label, icon) {
  const button = document.createElement("button");
  button.type = "button";
  button.title = label;
  button.setAttribute("aria-label", label);
  button.innerHTML = svg(icon);
  return button;
}
