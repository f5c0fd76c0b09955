// @ts-check

/**
 * Decoded pictures by URL. Concurrent requests for a URL share one fetch; the least recently used picture is dropped when
 * memory is full.
 *
 * The fragment of a URL distinguishes versions of a file here and is never sent: the browser's own cache asks the server
 * whether the file has changed and downloads it again only if it has.
 */

/** Why a picture could not be loaded. */
export class FrameError extends Error {
  /**
   * @param {string} message the server's own line about it, or ""
   * @param {number} status of HTTP; 0 if the server did not answer, 415 if the browser cannot decode the file
   */
  constructor(message, status) {
    super(message);
    this.name = "FrameError";
    this.status = status;
  }
}

export class FrameCache {
  /** @type {Map<string, ImageBitmap>} */
  #bitmaps = new Map(); // in order of use, oldest first
  /** @type {Map<string, { promise: Promise<void>, controller: AbortController }>} */
  #loading = new Map();
  #budget;
  #bytes = 0;

  /** @param {number} budget bytes of decoded pixels to keep, 4 per pixel; the newest picture stays whatever its size */
  constructor(budget) {
    this.#budget = budget;
  }

  /** Size of the decoded pictures in memory. */
  get bytes() {
    return this.#bytes;
  }

  /**
   * The picture, if it is in memory. It belongs to the cache, which may close it: draw it at once, do not keep it.
   *
   * @param {string} url
   * @returns {ImageBitmap | undefined}
   */
  get(url) {
    const bitmap = this.#bitmaps.get(url);
    if (bitmap) {
      this.#bitmaps.delete(url);
      this.#bitmaps.set(url, bitmap);
    }
    return bitmap;
  }

  /** @param {string} url */
  has(url) {
    return this.#bitmaps.has(url);
  }

  /** @param {string} url */
  isLoading(url) {
    return this.#loading.has(url);
  }

  /**
   * Fetch and decode a picture. Rejects with a FrameError, or with an AbortError after keepOnly() or clear().
   *
   * @param {string} url
   * @returns {Promise<void>}
   */
  load(url) {
    if (this.#bitmaps.has(url)) return Promise.resolve();
    const running = this.#loading.get(url);
    if (running) return running.promise;
    const controller = new AbortController();
    const promise = this.#fetch(url, controller.signal).finally(() => {
      if (this.#loading.get(url)?.controller === controller) this.#loading.delete(url);
    });
    this.#loading.set(url, { promise, controller });
    return promise;
  }

  /**
   * Abort the requests for all other URLs.
   *
   * @param {Set<string>} urls
   */
  keepOnly(urls) {
    for (const [url, { controller }] of [...this.#loading]) {
      if (urls.has(url)) continue;
      this.#loading.delete(url);
      controller.abort();
    }
  }

  clear() {
    this.keepOnly(new Set());
    for (const bitmap of this.#bitmaps.values()) bitmap.close();
    this.#bitmaps.clear();
    this.#bytes = 0;
  }

  /**
   * @param {string} url
   * @param {AbortSignal} signal
   */
  async #fetch(url, signal) {
    const bitmap = await decode(await download(url, signal));
    if (signal.aborted) {
      bitmap.close();
      signal.throwIfAborted();
    }
    this.#keep(url, bitmap);
  }

  /**
   * @param {string} url
   * @param {ImageBitmap} bitmap
   */
  #keep(url, bitmap) {
    this.#bitmaps.set(url, bitmap);
    this.#bytes += size(bitmap);
    for (const [oldUrl, old] of this.#bitmaps) {
      if (this.#bytes <= this.#budget || old === bitmap) break;
      this.#bitmaps.delete(oldUrl);
      this.#bytes -= size(old);
      old.close();
    }
  }
}

/**
 * @param {string} url
 * @param {AbortSignal} signal
 */
async function download(url, signal) {
  let answer;
  try {
    answer = await fetch(url, { signal });
    if (answer.ok) return await answer.blob();
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new FrameError("", 0);
  }
  const text = await answer.text();
  // ComfyUI's own errors are HTML pages or nothing; the preview route's are a line of text.
  const isText = answer.headers.get("Content-Type")?.startsWith("text/plain");
  throw new FrameError(isText ? text.trim() : "", answer.status);
}

/**
 * Whether the request was aborted, rather than failed.
 *
 * @param {unknown} error
 */
export function isAbort(error) {
  return error instanceof Error && error.name === "AbortError";
}

/** @param {Blob} blob */
async function decode(blob) {
  try {
    return await createImageBitmap(blob);
  } catch {
    throw new FrameError("", 415);
  }
}

/** @param {ImageBitmap} bitmap */
function size(bitmap) {
  return bitmap.width * bitmap.height * 4;
}
