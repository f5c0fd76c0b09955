// @ts-check

/**
 * @typedef {Record<string, string | number>} Values of the placeholders in a text, by name
 *
 * @typedef {(english: string, values?: Values) => string} Translate says an English text in the user's language. Call it
 *   by the name of `t`, with the text in double quotes: devtools/locales.py finds the texts by that.
 */

/**
 * `text` with each %name% replaced by the value of that name. Braces would be syntax to ComfyUI's frontend, which reads
 * the translations too.
 *
 * @type {Translate}
 */
export function fill(text, values = {}) {
  return text.replace(/%(\w+)%/g, (placeholder, name) => String(values[name] ?? placeholder));
}
