// @ts-check

/** Differences between ComfyUI's two renderers: the canvas, and Vue nodes. */

import { app } from "../../../scripts/app.js";

/** @type {WeakMap<Element, ComfyNode>} the nodes of our elements */
const owners = new WeakMap();

/** Whether Vue draws the nodes. */
export function isVue() {
  return Boolean(LiteGraph.vueNodesMode);
}

/**
 * Have the widgets of a node drawn as they are now.
 *
 * @param {ComfyNode} node
 */
export function redrawWidgets(node) {
  // 1.42 reads the labels and options of Vue nodes again only if the list of widgets changes.
  const last = isVue() && node.widgets?.pop();
  if (last) node.widgets?.push(last);
  node.graph?.setDirtyCanvas(true, true);
}

/**
 * On the canvas, let the wheel and the middle and right buttons do over the element what they do everywhere else. In
 * Vue nodes they already do.
 *
 * @param {HTMLElement} element
 */
export function forwardToCanvas(element) {
  element.addEventListener("wheel", (event) => {
    if (isVue()) return;
    event.preventDefault();
    app.canvas.processMouseWheel(event);
  }, { passive: false });
  /** @param {"processMouseDown" | "processMouseMove" | "processMouseUp"} name */
  const forward = (name) => (/** @type {PointerEvent} */ event) => {
    const isOurs = event.type === "pointermove" ? !(event.buttons & 4) : event.button === 0;
    if (!isVue() && !isOurs) app.canvas[name](event);
  };
  element.addEventListener("pointerdown", forward("processMouseDown"));
  element.addEventListener("pointermove", forward("processMouseMove"));
  element.addEventListener("pointerup", forward("processMouseUp"));
  element.addEventListener("contextmenu", (event) => !isVue() && event.preventDefault());
}

/**
 * On the canvas, let files that are dragged over an element of a node be dragged over the node: its onDragOver and onDragDrop
 * decide, and the frontend outlines it. In Vue nodes the element is a part of the node anyway.
 *
 * @param {HTMLElement} element
 * @param {ComfyNode} node
 */
export function forwardDrops(element, node) {
  /** @param {ComfyNode | null} over */
  const setOver = (over) => {
    if (app.dragOverNode === over) return;
    app.dragOverNode = over; // app's own listener hands it the drop, as it does for drops on the canvas
    app.graph.setDirtyCanvas(true, true);
  };
  element.addEventListener("dragover", (event) => {
    if (isVue() || !node.onDragOver?.(event)) return;
    event.preventDefault(); // the browser would open the files
    setOver(node);
  });
  element.addEventListener("dragleave", () => !isVue() && setOver(null));
}

/**
 * Record whose element this is, so that attachTo() can find it.
 *
 * @param {Element} element
 * @param {ComfyNode} node
 */
export function setOwner(element, node) {
  owners.set(element, node);
}

/**
 * Put an element into the page, if ComfyUI has not. When Vue nodes are created again with their old ids (Undo, 1.42
 * and 1.58), the elements of the removed nodes stay in place of the new ones.
 *
 * @param {ComfyNode} node
 * @param {Element} element
 */
export function attachTo(node, element) {
  if (!isVue() || element.isConnected) return;
  const others = [...document.querySelectorAll(".seqplayer")];
  others.find((other) => isReplacedBy(node, owners.get(other)))?.replaceWith(element);
}

/**
 * Whether `node` has replaced `other` in the open graph.
 *
 * @param {ComfyNode} node
 * @param {ComfyNode | undefined} other
 */
function isReplacedBy(node, other) {
  const { graph, id } = node;
  if (!other || String(other.id) !== String(id)) return false;
  return graph?.getNodeById(id) === node && graph === app.canvas.graph;
}
