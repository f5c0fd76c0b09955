// @ts-check

/**
 * The row that plays and scrubs: play, slider, loop or back and forth, frames per second.
 *
 * @typedef {import("./sequence.js").Sequence} Sequence
 *
 * @typedef {object} TransportParts
 * @property {HTMLElement} transport
 * @property {HTMLButtonElement} play
 * @property {HTMLInputElement} slider
 * @property {HTMLButtonElement} mode
 * @property {HTMLInputElement} fps
 *
 * @typedef {object} TransportCommands
 * @property {() => void} togglePlay
 * @property {() => void} toggleMode
 * @property {(frame: number) => void} seek
 * @property {(rate: number | null) => void} setRate null for the sequence's own
 * @property {() => void} update show the state again
 */

import { clamp } from "./clamp.js";
import { labelButton } from "./dom.js";
import { frameCount, lastFrame } from "./sequence.js";

const MAX_FPS = 240;

export class Transport {
  #parts;
  #t;
  #isTyping = false; // into the field for the rate

  /**
   * @param {TransportParts} parts
   * @param {import("./fill.js").Translate} translate
   * @param {TransportCommands} commands
   */
  constructor(parts, translate, commands) {
    this.#parts = parts;
    this.#t = translate;
    const { play, mode, slider } = parts;
    play.addEventListener("click", () => commands.togglePlay());
    mode.addEventListener("click", () => commands.toggleMode());
    slider.addEventListener("input", () => commands.seek(Number(slider.value)));
    this.#listenToRate(commands);
  }

  /**
   * @param {Sequence} sequence
   * @param {import("./playback.js").Playback} playback
   * @param {string} frameLabel what screen readers call the slider's frame
   */
  update(sequence, playback, frameLabel) {
    const { transport, slider, fps } = this.#parts;
    const { frame } = playback;
    const isSingle = frameCount(sequence) === 1;
    const last = lastFrame(sequence);
    transport.hidden = isSingle;
    slider.min = String(sequence.first);
    slider.max = String(last);
    slider.step = String(sequence.step);
    slider.value = String(frame);
    slider.style.setProperty("--played", String(isSingle ? 0 : (frame - sequence.first) / (last - sequence.first)));
    slider.setAttribute("aria-valuetext", frameLabel);
    if (!this.#isTyping) fps.value = String(Math.round(playback.rate * 1000) / 1000);
    this.#labelButtons(playback);
  }

  /** @param {import("./playback.js").Playback} playback */
  #labelButtons({ isPlaying, mode }) {
    const playText = isPlaying ? this.#t("Pause (space)") : this.#t("Play (space)");
    labelButton(this.#parts.play, isPlaying ? "pause" : "play", playText);
    const loop = this.#t("Looping; press for back and forth");
    const pingPong = this.#t("Back and forth; press for looping");
    labelButton(this.#parts.mode, mode, mode === "loop" ? loop : pingPong);
  }

  /** @param {TransportCommands} commands */
  #listenToRate(commands) {
    const { fps } = this.#parts;
    fps.max = String(MAX_FPS);
    fps.addEventListener("input", () => (this.#isTyping = true));
    fps.addEventListener("change", () => {
      this.#isTyping = false;
      commands.setRate(fps.valueAsNumber > 0 ? clamp(fps.valueAsNumber, 1, MAX_FPS) : null);
    });
    fps.addEventListener("blur", () => {
      this.#isTyping = false;
      commands.update();
    });
  }
}
