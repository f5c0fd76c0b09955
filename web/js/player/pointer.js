// @ts-check

/**
 * What the pointer does on the picture. Dragging across it goes through the sequence, or moves the picture at 100 %;
 * a double click zooms where it points.
 *
 * @typedef {object} PointerCommands
 * @property {() => void} measure
 * @property {boolean} canPan
 * @property {(dx: number, dy: number) => void} pan in pixels of the page
 * @property {() => (fraction: number) => void} startScrub what to call with the dragged distance, 1 for the view's width
 * @property {(center: import("./picture_view.js").Point) => void} toggleZoom
 */

/**
 * @param {HTMLElement} view
 * @param {HTMLCanvasElement} picture
 * @param {PointerCommands} commands
 */
export function listenToPointer(view, picture, commands) {
  view.addEventListener("pointerenter", () => commands.measure()); // no observer reports that the page is zoomed
  view.addEventListener("dblclick", (event) => {
    const { left, top, width, height } = picture.getBoundingClientRect();
    event.stopPropagation(); // the page may have a use for it
    commands.toggleZoom({ x: (event.clientX - left) / width - 0.5, y: (event.clientY - top) / height - 0.5 });
  });
  view.addEventListener("pointerdown", (event) => {
    if (event.button === 0) drag(view, event, commands);
  });
}

/**
 * @param {HTMLElement} view
 * @param {PointerEvent} down
 * @param {PointerCommands} commands
 */
function drag(view, down, commands) {
  const { width } = view.getBoundingClientRect();
  const scale = width / view.clientWidth; // the page may be zoomed
  const scrub = commands.startScrub();
  let { clientX: x, clientY: y } = down;
  /** @param {PointerEvent} event */
  const move = ({ clientX, clientY }) => {
    if (commands.canPan) {
      commands.pan((clientX - x) / scale, (clientY - y) / scale);
      x = clientX;
      y = clientY;
    } else {
      scrub((clientX - x) / width);
    }
  };
  view.setPointerCapture(down.pointerId);
  view.addEventListener("pointermove", move);
  view.addEventListener("lostpointercapture", () => view.removeEventListener("pointermove", move), { once: true });
}
