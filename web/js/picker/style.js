// @ts-check

/** Add the style of the dialogs to the page, once. */
export function addStyle() {
  const { href } = new URL("./picker.css", import.meta.url);
  if (document.querySelector(`link[href="${href}"]`)) return;
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = href;
  document.head.append(link);
}
