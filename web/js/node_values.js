// @ts-check

/** The values of a node's widgets, as a prompt contains them. */

const CONTROL = "control_after_generate";

/**
 * @param {ComfyNode} node
 * @param {string} name of an input
 */
export function isLinked(node, name) {
  const slot = slotOf(node, name);
  return slot >= 0 && node.isInputConnected(slot);
}

/**
 * The values of the widgets that count for a run, by name. Those of linked inputs are left out.
 *
 * @param {ComfyNode} node
 * @returns {Record<string, unknown>}
 */
export function valuesOf(node) {
  const asked = inputWidgets(node).filter(({ name }) => !isLinked(node, name));
  return Object.fromEntries(asked.map(({ name, value }) => [name, value]));
}

/**
 * What the user has chosen, as text to compare: `values` without the number that "control after generate" changes by itself.
 *
 * @param {ComfyNode} node
 * @param {Record<string, unknown>} [values] default: the present ones
 */
export function chosenValues(node, values = valuesOf(node)) {
  const widgets = node.widgets ?? [];
  const counted = widgets.filter((_, at) => widgets[at + 1]?.name === CONTROL).map(({ name }) => name);
  const chosen = Object.entries(values).filter(([name]) => !counted.includes(name));
  return JSON.stringify(chosen.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * Call `listener` each time the user, or an action of the node, has changed the value of a widget.
 *
 * @param {ComfyNode} node
 * @param {() => void} listener
 */
export function watchValues(node, listener) {
  for (const widget of inputWidgets(node)) watchWidget(widget, listener);
}

/**
 * Call `listener` each time the value of a widget has changed.
 *
 * @param {ComfyWidget} widget
 * @param {() => void} listener
 */
export function watchWidget(widget, listener) {
  const { callback } = widget;
  widget.callback = (...given) => {
    const result = callback?.apply(widget, given);
    listener();
    return result;
  };
}

/**
 * The node that an input is wired to, past the frontend's Reroute nodes.
 *
 * @param {ComfyNode} node
 * @param {string} name of the input
 * @returns {ComfyNode | null}
 */
export function sourceOf(node, name) {
  const slot = slotOf(node, name);
  let source = slot >= 0 && node.isInputConnected(slot) ? node.getInputNode(slot) : null;
  while (source?.type === "Reroute") source = source.isInputConnected(0) ? source.getInputNode(0) : null;
  return source;
}

/** @param {ComfyNode} node */
function inputWidgets(node) {
  return (node.widgets ?? []).filter(({ name, type, serialize, options }) => {
    return type !== "button" && name !== CONTROL && serialize !== false && options?.serialize !== false;
  });
}

/**
 * @param {ComfyNode} node
 * @param {string} name
 */
function slotOf(node, name) {
  return node.inputs?.findIndex((input) => input.name === name) ?? -1;
}
