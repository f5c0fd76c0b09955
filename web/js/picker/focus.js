// @ts-check

/**
 * Give a field the focus back after every click in its dialog, so that keys go on working. Text that the user has selected, to
 * copy it, stays selected.
 *
 * @param {HTMLDialogElement} dialog
 * @param {HTMLElement} field
 */
export function returnFocus(dialog, field) {
  dialog.addEventListener("click", ({ target }) => {
    const isButton = target instanceof Element && Boolean(target.closest("button"));
    if (dialog.open && (isButton || getSelection()?.type !== "Range")) field.focus();
  });
}
