// @ts-check

/** @typedef {Record<string, string | number>} Values what stands in a text for its placeholders, by name */

/**
 * `text` with each %name% in it replaced by the value of that name. Not in braces: to ComfyUI's frontend, which reads the
 * translations too, those are syntax.
 *
 * @param {string} text
 * @param {Values} [values]
 */
export function fill(text, values = {}) {
  return text.replace(/%(\w+)%/g, (placeholder, name) => String(values[name] ?? placeholder));
}
