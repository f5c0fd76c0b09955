// @ts-check

/**
 * What the player knows of a numbered image sequence.
 *
 * @typedef {object} FrameRange
 * @property {number} first frame number
 * @property {number} last frame number, at least `first`
 * @property {number} step between frame numbers, at least 1
 *
 * @typedef {[first: number, last: number]} FrameSpan frame numbers
 *
 * @typedef {object} Mark what is to be known about some frames
 * @property {FrameSpan[]} spans in order, without overlaps; what lies outside the sequence is not shown
 * @property {boolean} isFault whether something is wrong; a remark may be meant
 * @property {string} label in two or three words, in the user's language
 * @property {string} text in full
 *
 * @typedef {object} SequenceFacts
 * @property {string} key the same from run to run: in a sequence with the same key the user keeps the position
 * @property {string} label shown in the list to choose from, when there are several
 * @property {number[]} missing frame numbers known to be absent
 * @property {Mark[]} [marks]
 * @property {number | null} fps
 * @property {boolean} [linear] whether the files hold scene-linear light, so that pictures can be exposed
 * @property {string} [pattern] of the file names, for actions
 * @property {(frame: number) => string} name file name
 * @property {(frame: number) => string} path what "copy path" copies
 * @property {(frame: number, size: number, stops?: number) => string} preview URL of a picture with `size` pixels on its
 *   longest side, exposed by `stops` if the sequence is linear
 * @property {(frame: number, stops?: number) => string} full URL of the picture at its own size
 *   Each URL is fetched once. If a file may have changed, its URL must differ, if only in the fragment.
 *
 * @typedef {FrameRange & SequenceFacts} Sequence
 *
 * @typedef {object} Picture a frame as a preview or at its own size
 * @property {Sequence} sequence
 * @property {number} frame
 * @property {string} url
 * @property {boolean} isFullSize
 */

import { clamp } from "./clamp.js";

/**
 * The number of frames from first to last, missing ones included.
 *
 * @param {FrameRange} range
 */
export function frameCount({ first, last, step }) {
  return Math.floor((last - first) / step) + 1;
}

/**
 * The frame number in the range that is nearest to `frame`, which may be infinite.
 *
 * @param {FrameRange} range
 * @param {number} frame
 */
export function nearestFrame(range, frame) {
  const { first, step } = range;
  const index = Math.round((frame - first) / step);
  return first + clamp(index, 0, frameCount(range) - 1) * step;
}

/**
 * The last frame number that a whole number of steps reaches.
 *
 * @param {FrameRange} range
 */
export function lastFrame(range) {
  return nearestFrame(range, range.last);
}
