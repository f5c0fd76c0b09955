// @ts-check

const ICONS = {
  play: '<path d="M4 2.5v11l9-5.5z" fill="currentColor"/>',
  pause: '<path d="M4 2.5h3v11H4zM9 2.5h3v11H9z" fill="currentColor"/>',
  loop: '<path d="M3 8.5V7.5a3 3 0 0 1 3-3h6.5M10.5 2l2.5 2.5L10.5 7M13 7.5v1a3 3 0 0 1-3 3H3.5M5.5 14 3 11.5 5.5 9"/>',
  "ping-pong": '<path d="M2 8h12M4.5 5 1.5 8l3 3M11.5 5l3 3-3 3"/>',
  exposure: '<path d="M2.5 13.5l11-11M2.5 5H7M4.75 2.75v4.5M9 11.5h4"/>',
  zoom: '<path d="M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.7 10.7 14 14M7 4.800v4.400M4.8 7h4.4"/>',
  fit: '<path d="M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.7 10.7 14 14M4.8 7h4.4"/>',
  open: '<path d="M9 2.5h4.5V7M13.5 2.5l-6 6M11.5 9.5v4h-9v-9h4"/>',
  previous: '<path d="M10.5 3 5.5 8l5 5"/>',
  next: '<path d="M5.5 3l5 5-5 5"/>',
  done: '<path d="M3 8.5 6.5 12 13 4.5"/>',
  copy: '<path d="M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z"/>',
};

/** @typedef {keyof typeof ICONS} IconName */

/** @param {IconName} name */
export function icon(name) {
  return svg(ICONS[name]);
}

/** @param {string} content of a 16 x 16 svg */
export function svg(content) {
  return `<svg viewBox="0 0 16 16" aria-hidden="true">${content}</svg>`;
}

/**
 * Set the text of an element if it differs: every write reaches screen readers and the page's layout.
 *
 * @param {Element} element
 * @param {string} text
 */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * @param {HTMLElement} button
 * @param {IconName} name
 * @param {string} label
 */
export function labelButton(button, name, label) {
  if (button.title === label) return;
  button.title = label;
  button.setAttribute("aria-label", label);
  button.innerHTML = icon(name);
}

/**
 * The text as HTML, for attributes too.
 *
 * @param {string} text
 */
export function escapeHtml(text) {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/**
 * A function that finds the parts of an element by selector and class. It throws a TypeError for a part that the markup lacks.
 *
 * @param {HTMLElement} element
 */
export function finder(element) {
  /**
   * @template {Element} T
   * @param {string} selector
   * @param {{ new (): T }} kind
   */
  return (selector, kind) => {
    const found = element.querySelector(selector);
    if (found instanceof kind) return found;
    throw new TypeError(`${selector} is not a ${kind.name} in the markup`);
  };
}
