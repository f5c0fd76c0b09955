// @ts-check

/**
 * Exposure of pictures of scene-linear files, in thirds of a stop, and the row that sets it.
 *
 * @typedef {import("./sequence.js").Sequence} Sequence
 *
 * @typedef {object} ExposureParts
 * @property {HTMLElement} exposureRow
 * @property {HTMLInputElement} exposure
 * @property {HTMLElement} stops
 */

import { clamp } from "./clamp.js";
import { write } from "./dom.js";

const THIRDS = 3; // of a stop
const MOST_STOPS = 6; // as the pack's route has it

/**
 * `stops` and this many thirds more, within the limits.
 *
 * @param {number} stops
 * @param {number} [thirds]
 */
export function exposureAt(stops, thirds = 0) {
  const most = MOST_STOPS * THIRDS;
  const whole = clamp(Math.round(stops * THIRDS) + thirds, -most, most);
  return Math.round((whole / THIRDS) * 1000) / 1000; // the route's precision
}

export class ExposureControl {
  #parts;
  #t;

  /**
   * @param {ExposureParts} parts
   * @param {import("./fill.js").Translate} translate
   * @param {(stops: number) => void} expose
   */
  constructor(parts, translate, expose) {
    this.#parts = parts;
    this.#t = translate;
    const { exposureRow, exposure } = parts;
    exposure.min = String(-MOST_STOPS * THIRDS);
    exposure.max = String(MOST_STOPS * THIRDS);
    exposure.addEventListener("input", () => expose(Number(exposure.value) / THIRDS));
    exposureRow.addEventListener("dblclick", (event) => {
      event.stopPropagation(); // the page may have a use for it
      expose(0);
    });
  }

  /**
   * @param {Sequence} sequence
   * @param {number} exposure in stops
   */
  update({ linear }, exposure) {
    const { exposureRow, exposure: slider, stops } = this.#parts;
    exposureRow.hidden = !linear;
    const sign = exposure > 0 ? "+" : "";
    const text = this.#t("%exposure% stops", { exposure: `${sign}${exposure.toFixed(1)}` });
    slider.value = String(Math.round(exposure * THIRDS));
    slider.setAttribute("aria-valuetext", text);
    write(stops, text);
  }
}
