// @ts-check

/**
 * @typedef {Record<string, string | number>} Values of the placeholders in a text, by name. Numbers are written as the
 *   language writes them, with its thousands separators; frame numbers, which have none, are strings.
 *
 * @typedef {string | [one: string, other: string]} English a text, or its singular and plural, of which the value `count`
 *   chooses one
 *
 * @typedef {(english: English, values?: Values) => string} Translate says an English text in the user's language. Call it
 *   by the name of `t`, with texts in double quotes: devtools/locales.py finds the texts by that.
 */

/**
 * The singular or the plural, by the rules of the language: in French, 0 is singular. The pack's languages have no other
 * forms for whole numbers below a million.
 *
 * @param {English} english
 * @param {Values} [values]
 * @param {string} [language] BCP 47
 */
export function pluralForm(english, values, language = "en") {
  if (typeof english === "string") return english;
  const [one, other] = english;
  return new Intl.PluralRules(language).select(Number(values?.count)) === "one" ? one : other;
}

/**
 * `text` with each %name% replaced by the value of that name. Braces would be syntax to ComfyUI's frontend, which reads
 * the translations too.
 *
 * @param {string} text
 * @param {Values} [values]
 * @param {string} [language] BCP 47
 */
export function fill(text, values = {}, language = "en") {
  return text.replace(/%(\w+)%/g, (placeholder, name) => {
    const value = values[name] ?? placeholder;
    return typeof value === "number" ? value.toLocaleString(language) : value;
  });
}

/** @type {Translate} */
export const inEnglish = (english, values) => fill(pluralForm(english, values), values);
