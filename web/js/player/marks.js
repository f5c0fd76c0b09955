// @ts-check

const THUMB_PX = 12; // width of the slider's thumb, --thumb in sequence_player.css

/**
 * Mark frames below the slider. One canvas for all marks: a thousand of them cost no more than one.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {import("./sequence.js").FrameRange} range
 * @param {number[]} frames
 */
export function drawMarks(canvas, { first, last, step }, frames) {
  const { width, height } = canvas.getBoundingClientRect();
  if (!width) return;
  canvas.width = Math.round(width * devicePixelRatio);
  canvas.height = Math.round(height * devicePixelRatio);
  const context = canvas.getContext("2d");
  if (!context) return;
  context.fillStyle = getComputedStyle(canvas).color;
  // From the element's own pixels: the page may be scaled, and the thumb with it.
  const inset = (THUMB_PX / canvas.clientWidth) * (canvas.width / 2);
  const pixelsPerFrame = (canvas.width - 2 * inset) / Math.max(1, last - first);
  const markWidth = Math.max(2 * devicePixelRatio, pixelsPerFrame * step);
  for (const frame of frames) {
    context.fillRect(inset + (frame - first) * pixelsPerFrame - markWidth / 2, 0, markWidth, canvas.height);
  }
}
