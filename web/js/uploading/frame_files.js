// @ts-check

/**
 * Which files are frames, and how they and their folder are called on the server.
 *
 * @typedef {object} FrameFile
 * @property {File} file
 * @property {string} name on the server
 *
 * @typedef {object} Group files that go into one folder
 * @property {string} folder wanted name
 * @property {FrameFile[]} frames
 *
 * @typedef {{ from: string, to: string }} Renaming
 *
 * @typedef {object} Sorted
 * @property {FrameFile[]} frames
 * @property {Renaming[]} renamed files whose names not every system allows
 * @property {string[]} others names of files that are no frames
 */

// As in io_utils/formats/registry.py.
const EXTENSION = /\.(png|jpe?g|webp|bmp|tiff?|exr)$/i;

// As in io_utils/naming/file_names.py. A slash and a backslash separate folders there.
const MAX_NAME_BYTES = 230;
// eslint-disable-next-line no-control-regex
const FORBIDDEN = /[\x00-\x1f\x7f<>:"|?*/\\]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[1-9¹²³]) *(\.|$)/i;
// Characters that have a meaning in patterns. A folder's name need not have them.
const NOTATION = /[#{}%@$]/g;

/**
 * Whether a file is one that the loaders read, by its name. Hidden files are not: macOS puts one beside every file.
 *
 * @param {string} name
 */
export function isFrame(name) {
  return EXTENSION.test(name) && !name.startsWith(".");
}

/**
 * @param {File[]} files of one folder
 * @returns {Sorted}
 */
export function sortFiles(files) {
  /** @type {Sorted} */
  const sorted = { frames: [], renamed: [], others: [] };
  const taken = new Set(); // in lower case: not every system tells the case
  const inOrder = [...files].sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
  for (const file of inOrder) {
    const name = safeName(file.name);
    if (!isFrame(file.name) || !fits(name) || taken.has(name.toLowerCase())) {
      sorted.others.push(file.name);
      continue;
    }
    taken.add(name.toLowerCase());
    sorted.frames.push({ file, name });
    if (name !== file.name) sorted.renamed.push({ from: file.name, to: name });
  }
  return sorted;
}

/**
 * A name that the server's rules for file names accept.
 *
 * @param {string} name
 */
export function safeName(name) {
  const safe = name
    .replace(FORBIDDEN, "_")
    .replace(/\.{2,}/g, ".")
    .replace(/^ +|[. ]+$/g, "")
    .replace(/^~/, "_");
  return DEVICE.test(safe) ? `_${safe}` : safe;
}

/**
 * A name for the folder: the one that it has, else what the names of the frames have in common, else "frames".
 *
 * @param {string} folder "" for files without a folder
 * @param {FrameFile[]} frames
 */
export function folderName(folder, frames) {
  const wanted = safeName((folder || commonName(frames)).replace(NOTATION, "_"));
  return wanted && fits(wanted) ? wanted : "frames";
}

/**
 * "plate" for plate.1001.exr and plate.1002.exr.
 *
 * @param {FrameFile[]} frames
 */
function commonName(frames) {
  const [first = "", ...others] = frames.map(({ name }) => name.replace(EXTENSION, ""));
  let length = first.length;
  for (const other of others) while (!other.startsWith(first.slice(0, length))) length--;
  // Without the frame number, or the part of it that all have in common, but with numbers before it: shot_010.1001.exr.
  return first.slice(0, length).replace(/\d+$/, "").replace(/[._\s-]+$/, "");
}

/** @param {string} name */
function fits(name) {
  return new TextEncoder().encode(name).length <= MAX_NAME_BYTES;
}
