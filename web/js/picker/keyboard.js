// @ts-check

/**
 * The keys of the picker: arrows, page keys, Home and End go through the list, Enter opens a folder or chooses a sequence.
 * While the filter is empty, Backspace and the left arrow go up, and the right arrow opens a folder. The browser closes the
 * dialog on Escape.
 *
 * @param {HTMLElement} element
 * @param {import("./picker.js").Picker} picker
 * @param {import("./entry_list.js").EntryList} entries
 */
export function listenToKeys(element, picker, entries) {
  element.addEventListener("keydown", (event) => {
    event.stopPropagation(); // ComfyUI would act on it: Delete removes the selected nodes
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || event.isComposing) return;
    const isButton = event.target instanceof HTMLButtonElement;
    if (isButton && event.key === "Enter") return; // presses it
    const action = moveOf(event.key, entries) ?? actionOf(event.key, picker);
    if (!action) return;
    event.preventDefault();
    action();
  });
}

/**
 * @param {string} key
 * @param {import("./entry_list.js").EntryList} entries
 */
function moveOf(key, entries) {
  /** @type {Record<string, number>} */
  const rows = {
    ArrowDown: 1,
    ArrowUp: -1,
    PageDown: entries.pageSize,
    PageUp: -entries.pageSize,
    Home: -Infinity,
    End: Infinity,
  };
  const move = rows[key];
  return move === undefined ? null : () => entries.move(move);
}

/**
 * @param {string} key
 * @param {import("./picker.js").Picker} picker
 */
function actionOf(key, picker) {
  if (key === "Enter") return () => picker.activate();
  if (picker.isFiltering) return null;
  if (key === "Backspace" || key === "ArrowLeft") return () => picker.goUp();
  if (key === "ArrowRight") return () => picker.openSelectedFolder();
  return null;
}
