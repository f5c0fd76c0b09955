// @ts-check

/**
 * @param {string} text
 * @returns {Promise<boolean>} whether it was copied
 */
export async function copyText(text) {
  if (navigator.clipboard) {
    // Refused while the page does not have the focus, or by the browser's settings.
    return navigator.clipboard.writeText(text).then(() => true, () => false);
  }
  // Over plain http from another machine there is no clipboard API.
  const field = document.createElement("textarea");
  field.value = text;
  document.body.append(field);
  field.select();
  const isCopied = document.execCommand("copy");
  field.remove();
  return isCopied;
}
