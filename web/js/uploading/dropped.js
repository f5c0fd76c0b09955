// @ts-check

/**
 * The files that a user has dropped or chosen, by folder.
 *
 * @typedef {object} Source
 * @property {string} folder "" for files without a folder
 * @property {File[]} files directly in it
 *
 * @typedef {object} Given
 * @property {Source[]} sources
 * @property {string[]} subfolders names of folders in these folders, which are left out
 */

import { isFrame } from "./frame_files.js";

/**
 * The files and folders of a drop, or null if there is nothing for a loader. To be called during the event, whose data are
 * gone afterwards; the files in the folders are read later.
 *
 * @param {DataTransfer | null} data
 * @returns {Promise<Given> | null}
 */
export function readDrop(data) {
  const items = [...(data?.items ?? [])].filter(({ kind }) => kind === "file");
  /** @type {FileSystemDirectoryEntry[]} */
  const folders = [];
  /** @type {File[]} */
  const files = [];
  for (const item of items) {
    const entry = item.webkitGetAsEntry();
    const file = entry?.isDirectory ? null : item.getAsFile();
    if (entry?.isDirectory) folders.push(/** @type {FileSystemDirectoryEntry} */ (entry));
    else if (file) files.push(file);
  }
  if (!folders.length && !files.some(({ name }) => isFrame(name))) return null;
  return readFolders(folders, files);
}

/**
 * The files of an <input type=file>, which gives those of a folder with all its sub-folders.
 *
 * @param {File[]} files
 * @returns {Given}
 */
export function readChosen(files) {
  /** @type {Map<string, File[]>} */
  const byFolder = new Map();
  const subfolders = new Set();
  for (const file of files) {
    const [folder = "", ...rest] = file.webkitRelativePath.split("/");
    if (rest.length > 1) subfolders.add(rest[0]);
    else byFolder.set(folder, [...(byFolder.get(folder) ?? []), file]);
  }
  return { sources: [...byFolder].map(([folder, some]) => ({ folder, files: some })), subfolders: [...subfolders] };
}

/**
 * @param {FileSystemDirectoryEntry[]} folders
 * @param {File[]} files
 * @returns {Promise<Given>}
 */
async function readFolders(folders, files) {
  /** @type {Given} */
  const given = { sources: files.length ? [{ folder: "", files }] : [], subfolders: [] };
  for (const folder of folders) {
    const entries = await entriesOf(folder);
    const inside = entries.filter((entry) => entry.isFile).map((entry) => fileOf(/** @type {FileSystemFileEntry} */ (entry)));
    given.sources.push({ folder: folder.name, files: await Promise.all(inside) });
    given.subfolders.push(...entries.filter((entry) => entry.isDirectory).map(({ name }) => name));
  }
  return given;
}

/**
 * @param {FileSystemDirectoryEntry} folder
 * @returns {Promise<FileSystemEntry[]>}
 */
async function entriesOf(folder) {
  const reader = folder.createReader();
  const all = [];
  for (;;) {
    // Chromium returns 100 at a time, and none at the end.
    /** @type {FileSystemEntry[]} */
    const some = await new Promise((resolve, reject) => {
      reader.readEntries(resolve, reject);
    });
    if (!some.length) return all;
    all.push(...some);
  }
}

/**
 * @param {FileSystemFileEntry} entry
 * @returns {Promise<File>}
 */
function fileOf(entry) {
  return new Promise((resolve, reject) => {
    entry.file(resolve, reject);
  });
}
