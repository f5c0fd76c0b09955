// @ts-check

/**
 * @typedef {import("./sequence.js").FrameRange} FrameRange
 * @typedef {import("./sequence.js").FrameSpan} FrameSpan
 */

export const THUMB_PX = 12; // width of the slider's thumb, --thumb in sequence_player.css
const LANE_PX = 4; // height of the marks above the slider's track, and of those below

/**
 * Mark frames along the slider: remarks above its track, faults below. One canvas for all, so that ten thousand cost no more
 * elements than one.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {FrameRange} range
 * @param {{ faults: FrameSpan[], remarks: FrameSpan[] }} spans
 * @param {number[]} absent frames, drawn as faults
 */
export function drawMarks(canvas, range, { faults, remarks }, absent) {
  const { width, height } = canvas.getBoundingClientRect();
  if (!width) return;
  canvas.width = Math.round(width * devicePixelRatio);
  canvas.height = Math.round(height * devicePixelRatio);
  const context = canvas.getContext("2d");
  if (!context) return;
  const style = getComputedStyle(canvas);
  const lane = Math.round((LANE_PX / canvas.clientHeight) * canvas.height);
  context.fillStyle = style.getPropertyValue("--remark");
  drawSpans(context, range, remarks, 0, lane);
  context.fillStyle = style.getPropertyValue("--fault");
  drawSpans(context, range, faults, canvas.height - lane, lane);
  drawSpans(context, range, absent.map((frame) => [frame, frame]), canvas.height - lane, lane);
}

/**
 * At most one rectangle per pixel, however many ranges there are.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {FrameRange} range
 * @param {FrameSpan[]} spans
 * @param {number} top
 * @param {number} height
 */
function drawSpans(context, { first, last, step }, spans, top, height) {
  const { canvas } = context;
  // From the element's own pixels: the page may be scaled, and the thumb with it.
  const inset = (THUMB_PX / canvas.clientWidth) * (canvas.width / 2);
  const pixelsPerFrame = (canvas.width - 2 * inset) / Math.max(1, last - first);
  const markWidth = Math.max(2 * devicePixelRatio, pixelsPerFrame * step);
  let [start, end] = [-1, -1]; // in pixels, of the last rectangle
  for (const [from, to] of spans) {
    if (to < first || from > last) continue; // a loader also names what is missing before and after its files
    const left = Math.round(inset + (Math.max(from, first) - first) * pixelsPerFrame - markWidth / 2);
    const right = Math.round(inset + (Math.min(to, last) - first) * pixelsPerFrame + markWidth / 2);
    if (left >= start && right <= end) continue;
    [start, end] = [left, right];
    context.fillRect(left, top, right - left, height);
  }
}
