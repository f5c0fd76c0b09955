// @ts-check

/** A dialog with a text that may be long: it scrolls, and can be copied. */

import { addStyle } from "./style.js";

/**
 * @param {object} content
 * @param {string} content.heading
 * @param {string} content.text lines
 * @param {{ label: string, run: () => void }} content.action closes the dialog too
 * @param {string} content.close label of the button that does nothing else
 */
export function showProblems({ heading, text, action, close }) {
  addStyle();
  const dialog = document.createElement("dialog");
  dialog.className = "seqpicker seqpicker-problems";
  dialog.setAttribute("aria-label", heading);
  dialog.innerHTML = `<div class="seqpicker-content">
    <strong></strong>
    <div class="seqpicker-text" tabindex="0"></div>
    <div class="seqpicker-buttons"><button type="button"></button><button type="button" autofocus></button></div>
  </div>`;
  write(dialog, "strong", heading);
  write(dialog, ".seqpicker-text", text);
  write(dialog, "button:first-child", action.label).addEventListener("click", () => {
    dialog.close();
    action.run();
  });
  write(dialog, "button:last-child", close).addEventListener("click", () => dialog.close());
  dialog.addEventListener("keydown", (event) => event.stopPropagation()); // ComfyUI would act on it
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/**
 * @param {Element} parent
 * @param {string} selector
 * @param {string} text
 */
function write(parent, selector, text) {
  const element = /** @type {HTMLElement} */ (parent.querySelector(selector));
  element.textContent = text;
  return element;
}
