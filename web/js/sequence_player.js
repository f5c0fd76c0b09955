// @ts-check

/**
 * Shows a numbered image sequence one frame at a time. A plain DOM component: its user says where the pictures are.
 *
 * Costs are those of the frames looked at: one request under way for the frame that is wanted (scrubbing skips what has
 * been passed by), a few ahead of it, a bounded cache, and no element or array that grows with the sequence.
 *
 * @typedef {object} Sequence
 * @property {string} key what it is called from run to run; a sequence with the same key takes over its position
 * @property {string} label for the list to choose from, when there are several
 * @property {number} first frame number
 * @property {number} last frame number, at least `first`
 * @property {number} step between frame numbers, at least 1
 * @property {number[]} missing frame numbers known to be absent
 * @property {number | null} fps
 * @property {(frame: number) => string} name file name
 * @property {(frame: number) => string} path what "copy path" copies
 * @property {(frame: number, size: number) => string} preview URL of a picture with `size` pixels on its longest side
 * @property {(frame: number) => string} full URL of the picture in its own size
 *   A URL is asked for once: where a file may have changed, its URL has to differ, in its fragment if in nothing else.
 *
 * @typedef {object} Action a further button
 * @property {string} label
 * @property {string} icon what is in a 16 x 16 svg
 * @property {(sequence: Sequence, frame: number) => Promise<string>} run what was done in a few words; errors are shown
 *
 * @typedef {object} State where the user was
 * @property {string} [key] of the sequence
 * @property {number} frame
 * @property {number | null} [fps]
 * @property {"loop" | "ping-pong"} [mode]
 * @property {boolean} [following] goes where new frames appear
 *
 * @typedef {object} Job a picture that shows a frame
 * @property {Sequence} sequence
 * @property {number} frame
 * @property {string} url
 * @property {boolean} zoomed in its own size
 *
 * @typedef {import("./fill.js").Values} Values
 */

import { fill } from "./fill.js";
import { FrameCache, FrameError, isAbort } from "./frame_cache.js";

const DEFAULT_FPS = 24;
const MEMORY = 64 * 2 ** 20;
// Few sizes, so that a node that is made a little larger does not load everything again.
const SMALLEST_PREVIEW = 256;
const LARGEST_PREVIEW = 1024;
// Frames to load before they are asked for, and requests for them at once: ComfyUI's page has six connections in all.
const AHEAD = { resting: 3, playing: 8 };
const MAX_PREFETCHES = 3;
const LEAP = 10;
const NOTICE_MS = 2500;
const THUMB_PX = 12; // sequence_player.css has it too
// Pixels of height below which nothing can be made out, by what there is to see; an error comes on top of a picture.
const MIN_HEIGHT = { empty: 0, text: 60, picture: 150 };
const ERROR_HEIGHT = 64;

const ICONS = {
  play: '<path d="M4 2.5v11l9-5.5z" fill="currentColor"/>',
  pause: '<path d="M4 2.5h3v11H4zM9 2.5h3v11H9z" fill="currentColor"/>',
  loop: '<path d="M3 8.5V7.5a3 3 0 0 1 3-3h6.5M10.5 2l2.5 2.5L10.5 7M13 7.5v1a3 3 0 0 1-3 3H3.5M5.5 14 3 11.5 5.5 9"/>',
  "ping-pong": '<path d="M2 8h12M4.5 5 1.5 8l3 3M11.5 5l3 3-3 3"/>',
  zoom: '<path d="M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.7 10.7 14 14M7 4.800v4.400M4.8 7h4.4"/>',
  fit: '<path d="M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.7 10.7 14 14M4.8 7h4.4"/>',
  open: '<path d="M9 2.5h4.5V7M13.5 2.5l-6 6M11.5 9.5v4h-9v-9h4"/>',
  copy: '<path d="M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z"/>',
};

/**
 * `t` says an English text in the language of the user, as HTML.
 *
 * @param {(english: string) => string} t
 */
const markup = (t) => `
  <div class="seqplayer-stage">
    <div class="seqplayer-view" tabindex="0" role="img" title="${t("Drag to scrub, double-click for 100 %")}">
      <canvas></canvas>
      <div class="seqplayer-note" hidden></div>
    </div>
    <select class="seqplayer-choice" aria-label="${t("Sequence")}" hidden></select>
    <div class="seqplayer-tools">
      <button type="button" data-do="zoom"></button>
      <a data-do="open" target="_blank" rel="noopener" title="${t("Open this frame in a new tab")}"
        aria-label="${t("Open this frame in a new tab")}">${svg(ICONS.open)}</a>
      <button type="button" data-do="copy" title="${t("Copy the path of this frame")}"
        aria-label="${t("Copy the path of this frame")}">${svg(ICONS.copy)}</button>
    </div>
  </div>
  <div class="seqplayer-transport">
    <button type="button" data-do="play"></button>
    <div class="seqplayer-slider">
      <input type="range" aria-label="${t("Frame")}">
      <canvas aria-hidden="true"></canvas>
    </div>
    <button type="button" data-do="mode"></button>
    <label class="seqplayer-fps" title="${t("Frames per second")}"
      ><input type="number" min="1" max="240" step="any" aria-label="${t("Frames per second")}"><span>${t("fps")}</span></label>
  </div>
  <div class="seqplayer-caption">
    <span class="seqplayer-number"></span><span class="seqplayer-last"></span>
    <span class="seqplayer-name"></span>
  </div>
  <div class="seqplayer-message" role="status"></div>
  <div class="seqplayer-error" role="alert" tabindex="0"></div>`;

export class SequencePlayer {
  /** The element to put somewhere. It fills what it is given; `minHeight` says how much it needs. */
  element = document.createElement("div");

  #parts;
  #cache;
  #translate;
  #onLayout;
  /** @type {Sequence[]} */
  #sequences = [];
  /** @type {Sequence | null} */
  #sequence = null;
  /** @type {Set<number>} */
  #missing = new Set(); // those the sequence names
  /** @type {Set<number>} */
  #gone = new Set(); // those that were asked for in vain
  #frame = 0; // the one wanted: the slider stands there
  /** @type {{ frame: number | null, url: string, zoomed: boolean }} */
  #shown = { frame: null, url: "", zoomed: false }; // the one on the canvas
  /** @type {Map<string, FrameError>} */
  #failed = new Map(); // by URL
  /** @type {number | null} */
  #fps = null; // the user's; null: the sequence's
  #typing = false; // into the field for it
  /** @type {"loop" | "ping-pong"} */
  #mode = "loop";
  #direction = 1;
  #playing = false;
  #due = 0;
  #following = true; // goes where new frames appear, until somebody looks elsewhere
  #live = false;
  #loading = false;
  #zoomed = false;
  #zoomAt = { x: 0, y: 0 }; // the point of the picture, -0.5..0.5, in the middle of the view
  #sight;
  #visible = false;
  #size = SMALLEST_PREVIEW;
  /** @type {keyof typeof MIN_HEIGHT} */
  #layout = "empty";
  #height = 0; // the least, as it was last told
  #message = "";
  #notice = 0; // the timer that ends what is said for a moment

  /**
   * @param {object} [options]
   * @param {Action[]} [options.actions] further buttons
   * @param {(english: string, values?: Values) => string} [options.translate] says a text in the user's language
   * @param {number} [options.memory] bytes of decoded pictures to keep
   * @param {() => void} [options.onLayout] called when `layout`, `minHeight` or `aspect` changed
   */
  constructor({ actions = [], translate = fill, memory = MEMORY, onLayout = () => {} } = {}) {
    addStyle();
    this.#cache = new FrameCache(memory);
    const t = (this.#translate = translate);
    this.#onLayout = onLayout;
    this.element.className = "seqplayer";
    this.element.setAttribute("role", "group");
    this.element.setAttribute("aria-label", t("Image sequence"));
    this.element.innerHTML = markup((english) => escaped(t(english)));
    this.element.dataset.layout = this.#layout;
    /**
     * @template {Element} T
     * @param {string} selector
     * @param {{ new (): T }} kind
     */
    const find = (selector, kind) => {
      const found = this.element.querySelector(selector);
      if (found instanceof kind) return found;
      throw new TypeError(`no ${kind.name} is ${selector}`); // in the markup above
    };
    this.#parts = {
      view: find(".seqplayer-view", HTMLDivElement),
      picture: find(".seqplayer-view canvas", HTMLCanvasElement),
      note: find(".seqplayer-note", HTMLDivElement),
      choice: find(".seqplayer-choice", HTMLSelectElement),
      tools: find(".seqplayer-tools", HTMLDivElement),
      transport: find(".seqplayer-transport", HTMLDivElement),
      slider: find(".seqplayer-slider input", HTMLInputElement),
      marks: find(".seqplayer-slider canvas", HTMLCanvasElement),
      fps: find(".seqplayer-fps input", HTMLInputElement),
      number: find(".seqplayer-number", HTMLSpanElement),
      last: find(".seqplayer-last", HTMLSpanElement),
      name: find(".seqplayer-name", HTMLSpanElement),
      message: find(".seqplayer-message", HTMLDivElement),
      error: find(".seqplayer-error", HTMLDivElement),
      play: find("[data-do=play]", HTMLButtonElement),
      mode: find("[data-do=mode]", HTMLButtonElement),
      zoom: find("[data-do=zoom]", HTMLButtonElement),
      open: find("[data-do=open]", HTMLAnchorElement),
      copy: find("[data-do=copy]", HTMLButtonElement),
    };
    for (const action of actions) this.#addAction(action);
    this.#listen();
    this.#sight = new IntersectionObserver((entries) => {
      this.#visible = Boolean(entries.at(-1)?.isIntersecting);
      this.#update();
    });
    this.#sight.observe(this.#parts.view);
    new ResizeObserver(() => this.#measure()).observe(this.#parts.view);
  }

  /** "empty": nothing to see, "text": a line or two, "picture": all of it. */
  get layout() {
    return this.#layout;
  }

  /** In pixels. */
  get minHeight() {
    const hasBoth = this.#layout === "picture" && this.#parts.error.textContent;
    return MIN_HEIGHT[this.#layout] + (hasBoth ? ERROR_HEIGHT : 0);
  }

  /** Width / height of the picture, or null before there is one. */
  get aspect() {
    const { picture } = this.#parts;
    return this.#shown.url ? picture.width / picture.height : null;
  }

  /** The line below. */
  get message() {
    return this.#message;
  }

  /** Decoded pictures in memory, in bytes. */
  get cachedBytes() {
    return this.#cache.bytes;
  }

  /**
   * Where the user was, as plain values, for restore().
   *
   * @returns {State}
   */
  get state() {
    const key = this.#sequence?.key;
    return { key, frame: this.#frame, fps: this.#fps, mode: this.#mode, following: this.#following };
  }

  /** @param {State} state */
  restore({ key, frame, fps, mode, following }) {
    this.#fps = fps ?? null;
    this.#mode = mode === "ping-pong" ? mode : "loop";
    this.#following = following ?? true;
    const sequence = this.#sequences.find((candidate) => candidate.key === key);
    if (!sequence) return;
    this.#choose(sequence);
    this.#frame = snap(sequence, frame);
    this.#update();
  }

  /**
   * Show these sequences instead of those before. The old picture stays until the new one is there; who is looking at a
   * frame, or playing, goes on there.
   *
   * @param {Sequence[]} sequences
   * @param {object} [options]
   * @param {number} [options.frame] the one to go to, for who is not looking at another; else the first
   * @param {string} [options.message] a line below
   */
  show(sequences, { frame, message = "" } = {}) {
    const before = this.#sequence;
    this.#live = false;
    this.#sequences = sequences;
    this.#say(message);
    const sequence = sequences.find(({ key }) => key === before?.key) ?? sequences[0] ?? null;
    this.#choose(sequence);
    if (sequence) {
      if (before && before.fps !== sequence.fps) this.#fps = null;
      const stays = before?.key === sequence.key && (this.#playing || !this.#following);
      this.#frame = snap(sequence, stays ? this.#frame : frame ?? sequence.first);
      if (count(sequence) === 1) this.#playing = false;
      this.#parts.choice.replaceChildren(...sequences.map(({ key, label }) => new Option(label, key)));
      this.#parts.choice.hidden = sequences.length < 2;
    }
    this.#update();
  }

  /**
   * While a sequence is being made: `text` below, and its newest `frame`, unless somebody is looking at another.
   * show() ends this.
   *
   * @param {Sequence} sequence
   * @param {number} frame
   * @param {string} text
   */
  showProgress(sequence, frame, text) {
    this.#say(text);
    if (this.#playing || !this.#following) return;
    this.#live = true;
    this.#sequences = [sequence];
    this.#parts.choice.hidden = true;
    this.#choose(sequence);
    this.#frame = snap(sequence, frame);
    this.#update();
  }

  /**
   * A line below; what is shown stays.
   *
   * @param {string} text
   */
  showMessage(text) {
    this.#live = false;
    this.#say(text);
    this.#update();
  }

  /**
   * What went wrong, in the way of an alert; "" takes it away.
   *
   * @param {string} text
   */
  showError(text) {
    this.#parts.error.textContent = text;
    this.#live = false;
    this.#update();
  }

  /** Stop, and let go of requests and memory, until it is seen again. */
  release() {
    this.#pause();
    this.#visible = false;
    this.#sight.unobserve(this.#parts.view);
    this.#sight.observe(this.#parts.view); // says anew whether it is seen
    this.#say(this.#message);
    this.#cache.clear();
  }

  /** The sequence, where there is one for sure. */
  get #here() {
    if (this.#sequence) return this.#sequence;
    throw new TypeError("there is no sequence");
  }

  // --- what is wanted -----------------------------------------------------------------------------------------------

  /** @param {Sequence | null} sequence */
  #choose(sequence) {
    this.#sequence = sequence;
    this.#missing = new Set(sequence?.missing);
    this.#gone.clear();
    this.#failed.clear();
    this.#drawMarks();
  }

  /** @param {number} frame */
  #goTo(frame) {
    const wanted = snap(this.#here, frame);
    if (wanted !== this.#frame) this.#direction = Math.sign(wanted - this.#frame);
    this.#frame = wanted;
    this.#following = wanted === snap(this.#here, this.#here.last);
    this.#live = false;
    this.#failed.delete(this.#job(wanted).url); // it may be there by now: ask again
    this.#update();
  }

  /** @param {number} frames */
  #move(frames) {
    this.#pause();
    this.#goTo(this.#frame + frames * this.#here.step);
  }

  #play() {
    if (this.#playing || count(this.#here) === 1) return;
    this.#playing = true;
    this.#following = false;
    this.#live = false;
    this.#direction = 1;
    this.#due = performance.now() + 1000 / this.#rate();
    this.#update();
    requestAnimationFrame((now) => this.#tick(now));
  }

  #pause() {
    if (!this.#playing) return;
    this.#playing = false;
    this.#update();
  }

  /**
   * Every frame is shown, in time if it is there in time: for looking closely, a late frame is better than none.
   *
   * @param {number} now milliseconds
   */
  #tick(now) {
    if (!this.#playing) return;
    requestAnimationFrame((time) => this.#tick(time));
    const next = this.#after(this.#frame, this.#direction);
    if (!this.#visible || now < this.#due || !this.#isSettled(this.#job(next.frame))) return;
    const period = 1000 / this.#rate();
    this.#due = now - this.#due < period ? this.#due + period : now + period;
    this.#frame = next.frame;
    this.#direction = next.direction;
    this.#update();
  }

  /**
   * The frame that is played after `frame`, and the direction it is played in.
   *
   * @param {number} frame
   * @param {number} direction 1 or -1
   */
  #after(frame, direction) {
    const { first, step } = this.#here;
    const last = snap(this.#here, this.#here.last);
    const next = frame + direction * step;
    if (next >= first && next <= last) return { frame: next, direction };
    if (this.#mode === "loop") return { frame: direction > 0 ? first : last, direction };
    return { frame: snap(this.#here, frame - direction * step), direction: -direction };
  }

  #rate() {
    return this.#fps ?? this.#here.fps ?? DEFAULT_FPS;
  }

  // --- loading ------------------------------------------------------------------------------------------------------

  /**
   * The picture that shows `frame` as it is looked at now.
   *
   * @param {number} frame
   * @returns {Job}
   */
  #job(frame) {
    const sequence = this.#here;
    const url = this.#zoomed ? sequence.full(frame) : sequence.preview(frame, this.#size);
    return { sequence, frame, url, zoomed: this.#zoomed };
  }

  /**
   * Is there nothing to wait for before this can be shown, or said not to be there?
   *
   * @param {Job} job
   */
  #isSettled({ frame, url }) {
    return this.#shown.url === url || this.#missing.has(frame) || this.#cache.has(url) || this.#failed.has(url);
  }

  /** Show what is wanted as far as it is there, and get the rest. Called whenever anything has changed. */
  #update() {
    try {
      if (this.#sequence && this.#visible) {
        const job = this.#job(this.#frame);
        if (!this.#missing.has(job.frame)) this.#draw(job);
        void this.#load();
      }
    } finally {
      this.#describe(); // also of a picture that cannot be drawn
    }
  }

  /** Errors in a listener are its own: they are reported, and the player goes on. */
  #tellLayout() {
    try {
      this.#onLayout();
    } catch (error) {
      reportError(error);
    }
  }

  /** One request at a time for the frame that is wanted: once it is answered, what is wanted then is next. */
  async #load() {
    if (this.#loading) return;
    this.#loading = true;
    try {
      while (this.#visible && this.#sequence) {
        const job = this.#job(this.#frame);
        if (this.#isSettled(job)) break;
        this.#cache.keepOnly(new Set([job.url]));
        await this.#fetch(job);
        // Passed by meanwhile, it still is nearer than what is shown, unless the wanted one came from the cache.
        const current = this.#sequence?.key === job.sequence.key && this.#shown.url !== this.#job(this.#frame).url;
        if (current) this.#draw(job);
        this.#describe();
      }
    } finally {
      this.#loading = false;
    }
    this.#prefetch();
  }

  #prefetch() {
    if (!this.#visible || !this.#sequence || this.#loading || this.#live) return;
    const upcoming = this.#upcoming();
    this.#cache.keepOnly(new Set(upcoming.map(({ url }) => url)));
    for (const job of upcoming.slice(0, MAX_PREFETCHES)) {
      if (!this.#cache.isLoading(job.url)) void this.#fetch(job).then(() => this.#prefetch());
    }
  }

  /** What is worth loading before it is asked for, in order. */
  #upcoming() {
    // Files in their own size may take a hundred megabytes each.
    const ahead = this.#zoomed ? Number(this.#playing) : AHEAD[this.#playing ? "playing" : "resting"];
    /** @type {Job[]} */
    const jobs = [];
    let next = { frame: this.#frame, direction: this.#direction };
    for (let i = 0; i < Math.min(ahead, count(this.#here) - 1); i++) {
      next = this.#after(next.frame, next.direction);
      const job = this.#job(next.frame);
      if (!this.#isSettled(job)) jobs.push(job);
    }
    return jobs;
  }

  /** @param {Job} job */
  async #fetch({ sequence, frame, url }) {
    /** @type {FrameError | null} */
    let error = null;
    try {
      await this.#cache.load(url);
    } catch (reason) {
      if (isAbort(reason)) return;
      if (!(reason instanceof FrameError)) throw reason;
      error = reason;
    }
    if (sequence !== this.#sequence) return;
    if (error) this.#failed.set(url, error);
    const gone = error?.status === 404;
    if (gone === this.#gone.has(frame)) return;
    if (gone) this.#gone.add(frame);
    else this.#gone.delete(frame);
    this.#drawMarks();
  }

  // --- what is seen -------------------------------------------------------------------------------------------------

  /** @param {Job} job */
  #draw({ frame, url, zoomed }) {
    const bitmap = this.#cache.get(url);
    if (!bitmap || this.#shown.url === url) return;
    const { picture } = this.#parts;
    const { aspect } = this;
    picture.width = bitmap.width;
    picture.height = bitmap.height;
    picture.getContext("2d")?.drawImage(bitmap, 0, 0);
    this.#shown = { frame, url, zoomed };
    this.#place();
    if (this.aspect !== aspect) this.#tellLayout();
  }

  /** Fit is CSS's business; at 100 % a pixel of the picture is one of the screen, and what is looked at is in the middle. */
  #place() {
    const { picture, view } = this.#parts;
    const { zoomed } = this.#shown;
    view.classList.toggle("seqplayer-zoomed", zoomed);
    picture.style.setProperty("--aspect", String(picture.width / picture.height));
    if (!zoomed) {
      picture.style.width = picture.style.translate = "";
      return;
    }
    const width = picture.width / devicePixelRatio;
    const height = picture.height / devicePixelRatio;
    /** @type {(length: number, room: number) => number} */
    const limit = (length, room) => Math.max(0, (length - room) / 2 / length);
    const [x, y] = [limit(width, view.clientWidth), limit(height, view.clientHeight)];
    this.#zoomAt = { x: clamp(this.#zoomAt.x, -x, x), y: clamp(this.#zoomAt.y, -y, y) };
    picture.style.width = `${width}px`;
    picture.style.translate = `${-this.#zoomAt.x * width}px ${-this.#zoomAt.y * height}px`;
  }

  #zoom(at = { x: 0, y: 0 }) {
    this.#zoomed = !this.#zoomed;
    this.#zoomAt = at;
    this.#update();
  }

  /**
   * @param {number} dx
   * @param {number} dy
   */
  #pan(dx, dy) {
    const { picture } = this.#parts;
    this.#zoomAt.x -= (dx * devicePixelRatio) / picture.width;
    this.#zoomAt.y -= (dy * devicePixelRatio) / picture.height;
    this.#place();
  }

  #measure() {
    const { width, height } = this.#parts.view.getBoundingClientRect();
    const pixels = Math.max(width, height) * devicePixelRatio;
    // Only ever larger: who zooms out has good pictures already.
    while (this.#size < pixels && this.#size < LARGEST_PREVIEW) this.#size *= 2;
    if (this.#shown.url) this.#place();
    this.#drawMarks();
    this.#update();
  }

  /** One canvas for all marks, so that a thousand of them are as cheap as one. */
  #drawMarks() {
    const { marks } = this.#parts;
    const { width, height } = marks.getBoundingClientRect();
    if (!this.#sequence || !width) return;
    marks.width = Math.round(width * devicePixelRatio);
    marks.height = Math.round(height * devicePixelRatio);
    const context = marks.getContext("2d");
    if (!context) return;
    context.fillStyle = getComputedStyle(marks).color;
    // In the element's own pixels: the page may be scaled, and the thumb with it.
    const inset = (THUMB_PX / marks.clientWidth) * (marks.width / 2);
    const { first, last } = this.#sequence;
    const each = (marks.width - 2 * inset) / Math.max(1, last - first);
    const wide = Math.max(2 * devicePixelRatio, each * this.#here.step);
    for (const frame of [...this.#missing, ...this.#gone]) {
      context.fillRect(inset + (frame - first) * each - wide / 2, 0, wide, marks.height);
    }
  }

  /** @param {string} message */
  #say(message) {
    this.#message = message;
    this.#notify("");
  }

  /**
   * Say something for a moment.
   *
   * @param {string} text
   */
  #notify(text) {
    clearTimeout(this.#notice);
    this.#parts.message.textContent = text || this.#message;
    this.#parts.message.title = this.#message;
    if (text) this.#notice = setTimeout(() => this.#say(this.#message), NOTICE_MS);
  }

  /** Everything that is written and can be pressed, from the state. */
  #describe() {
    const { element } = this;
    const said = this.#parts.message.textContent || this.#parts.error.textContent;
    const layout = this.#sequence ? "picture" : said ? "text" : "empty";
    if (this.#sequence) this.#describeFrame(this.#sequence);
    const before = [this.#layout, this.#height];
    this.#layout = element.dataset.layout = layout;
    this.#height = this.minHeight;
    if (String(before) !== String([layout, this.#height])) this.#tellLayout();
  }

  /** @param {Sequence} sequence */
  #describeFrame(sequence) {
    const { view, note, choice, transport, slider, fps, number, last, name, play, mode, zoom, open } = this.#parts;
    const t = this.#translate;
    const job = this.#job(this.#frame);
    const problem = this.#problem(job);
    // What is said is about the picture that is seen: the wanted one may be on its way.
    const frame = problem ? job.frame : this.#shown.frame ?? job.frame;
    const single = count(sequence) === 1;
    const end = snap(sequence, sequence.last);

    choice.value = sequence.key;
    transport.hidden = single;
    slider.min = String(sequence.first);
    slider.max = String(end);
    slider.step = String(sequence.step);
    slider.value = String(this.#frame);
    const played = single ? 0 : (this.#frame - sequence.first) / (end - sequence.first);
    slider.style.setProperty("--played", String(played));
    /** @param {number} shown */
    const saying = (shown) => t("Frame %frame%, %name%", { frame: shown, name: sequence.name(shown) });
    slider.setAttribute("aria-valuetext", saying(this.#frame));

    write(number, String(frame));
    write(last, single ? "" : ` / ${end}`);
    write(name, sequence.name(frame));
    name.title = sequence.path(frame);
    number.classList.toggle("seqplayer-missing", Boolean(problem));
    write(note, problem);
    note.hidden = !problem;
    view.setAttribute("aria-label", problem || saying(frame));
    view.setAttribute("aria-busy", String(!this.#isSettled(job)));

    button(play, this.#playing ? "pause" : "play", this.#playing ? t("Pause (space)") : t("Play (space)"));
    const looping = this.#mode === "loop";
    button(mode, this.#mode, looping ? t("Looping; press for back and forth") : t("Back and forth; press for looping"));
    button(zoom, this.#zoomed ? "fit" : "zoom", this.#zoomed ? t("Fit into the view") : t("Show at 100 %"));
    zoom.setAttribute("aria-pressed", String(this.#zoomed));
    const href = sequence.full(this.#frame);
    if (open.getAttribute("href") !== href) open.href = href;
    if (!this.#typing) fps.value = String(Math.round(this.#rate() * 1000) / 1000);
  }

  /**
   * Why this cannot be shown, or "".
   *
   * @param {Job} job
   */
  #problem({ sequence, frame, url }) {
    const t = this.#translate;
    if (this.#missing.has(frame)) return t("Frame %frame% is not on disk.", { frame });
    const error = this.#failed.get(url);
    if (!error) return "";
    if (error.message) return error.message;
    if (error.status === 0) return t("The server does not answer.");
    if (error.status === 404) return t("%name% is gone.", { name: sequence.name(frame) });
    if (error.status === 415) return t("The browser cannot decode this file.");
    return t("The server answered %status%.", { status: error.status });
  }

  // --- what the user does -------------------------------------------------------------------------------------------

  /** @param {Action} action */
  #addAction({ label, icon, run }) {
    const press = document.createElement("button");
    press.type = "button";
    press.title = label;
    press.setAttribute("aria-label", label);
    press.innerHTML = svg(icon);
    press.addEventListener("click", () => this.#do(() => run(this.#here, this.#frame)));
    this.#parts.tools.append(press);
  }

  /** @param {() => Promise<string>} action */
  async #do(action) {
    try {
      this.#notify(await action());
    } catch (error) {
      this.#notify(error instanceof Error ? error.message : String(error));
    }
  }

  #listen() {
    const { view, slider, fps, choice, play, mode, zoom, copy } = this.#parts;
    this.element.addEventListener("keydown", (event) => this.#key(event));
    play.addEventListener("click", () => (this.#playing ? this.#pause() : this.#play()));
    mode.addEventListener("click", () => {
      this.#mode = this.#mode === "loop" ? "ping-pong" : "loop";
      this.#direction = 1;
      this.#update();
    });
    zoom.addEventListener("click", () => this.#zoom());
    copy.addEventListener("click", () =>
      this.#do(async () => {
        const t = this.#translate;
        const path = this.#here.path(this.#frame);
        if (!(await copyText(path))) throw new Error(t("Could not copy. The path is %path%", { path }));
        return t("Path copied.");
      }),
    );
    slider.addEventListener("input", () => {
      this.#pause();
      this.#goTo(Number(slider.value));
    });
    fps.addEventListener("input", () => (this.#typing = true));
    fps.addEventListener("change", () => {
      this.#fps = fps.valueAsNumber > 0 ? clamp(fps.valueAsNumber, 1, 240) : null;
    });
    for (const end of ["change", "blur"]) {
      fps.addEventListener(end, () => {
        this.#typing = false;
        this.#update();
      });
    }
    choice.addEventListener("change", () => {
      this.#choose(this.#sequences.find(({ key }) => key === choice.value) ?? null);
      this.#goTo(this.#frame);
    });
    // The page may have been zoomed since, which no observer tells.
    view.addEventListener("pointerenter", () => this.#measure());
    view.addEventListener("dblclick", (event) => {
      const { left, top, width, height } = this.#parts.picture.getBoundingClientRect();
      event.stopPropagation(); // the page may have a use for it
      this.#zoom({ x: (event.clientX - left) / width - 0.5, y: (event.clientY - top) / height - 0.5 });
    });
    view.addEventListener("pointerdown", (event) => {
      if (event.button === 0) this.#drag(event);
    });
  }

  /**
   * Across the view is through the sequence; at 100 % the picture is moved instead.
   *
   * @param {PointerEvent} down
   */
  #drag(down) {
    const { view } = this.#parts;
    const { width } = view.getBoundingClientRect();
    const scale = width / view.clientWidth; // the page may be zoomed
    const from = this.#frame;
    let x = down.clientX;
    let y = down.clientY;
    /** @param {PointerEvent} event */
    const move = (event) => {
      if (this.#shown.zoomed) {
        this.#pan((event.clientX - x) / scale, (event.clientY - y) / scale);
        x = event.clientX;
        y = event.clientY;
        return;
      }
      const frames = Math.round(((event.clientX - x) / width) * (count(this.#here) - 1));
      if (!frames && this.#frame === from) return;
      this.#pause();
      this.#goTo(from + frames * this.#here.step);
    };
    view.setPointerCapture(down.pointerId);
    view.addEventListener("pointermove", move);
    view.addEventListener("lostpointercapture", () => view.removeEventListener("pointermove", move), { once: true });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.key === "Tab" || event.key === "Escape") return;
    const { fps, choice } = this.#parts;
    const press = event.target instanceof Element && event.target.closest("button, a");
    const own = event.target === fps || event.target === choice || (press && [" ", "Enter"].includes(event.key));
    const action = own ? null : this.#keyAction(event);
    if (action) {
      event.preventDefault();
      action();
    }
    // The page has uses for these: Delete removes the node whose player has the focus.
    if (own || action || event.key === "Delete" || event.key === "Backspace") event.stopPropagation();
  }

  /** @param {KeyboardEvent} event */
  #keyAction({ key, shiftKey }) {
    if (!this.#sequence) return null;
    const leap = shiftKey ? LEAP : 1;
    const pan = shiftKey && this.#shown.zoomed;
    const step = 40;
    /** @type {Record<string, () => void>} */
    const actions = {
      ArrowLeft: () => (pan ? this.#pan(step, 0) : this.#move(-leap)),
      ArrowRight: () => (pan ? this.#pan(-step, 0) : this.#move(leap)),
      ArrowUp: () => (pan ? this.#pan(0, step) : this.#move(leap)),
      ArrowDown: () => (pan ? this.#pan(0, -step) : this.#move(-leap)),
      PageUp: () => this.#move(LEAP),
      PageDown: () => this.#move(-LEAP),
      Home: () => this.#move(-Infinity),
      End: () => this.#move(Infinity),
      " ": () => (this.#playing ? this.#pause() : this.#play()),
    };
    return actions[key] ?? null;
  }
}

/**
 * How many frame numbers there are from first to last.
 *
 * @param {{ first: number, last: number, step: number }} sequence
 */
function count({ first, last, step }) {
  return Math.floor((last - first) / step) + 1;
}

/**
 * The nearest frame number that the sequence has a place for.
 *
 * @param {{ first: number, last: number, step: number }} sequence
 * @param {number} frame
 */
function snap({ first, last, step }, frame) {
  const index = Math.round((frame - first) / step);
  return first + clamp(index, 0, count({ first, last, step }) - 1) * step;
}

/**
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}

function addStyle() {
  const { href } = new URL("./sequence_player.css", import.meta.url);
  if (document.querySelector(`link[href="${href}"]`)) return;
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = href;
  document.head.append(link);
}

/**
 * Only what has changed: screen readers and the page's layout hear of every write.
 *
 * @param {Element} element
 * @param {string} text
 */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * @param {HTMLElement} element
 * @param {keyof typeof ICONS} icon
 * @param {string} label
 */
function button(element, icon, label) {
  if (element.title === label) return;
  element.title = label;
  element.setAttribute("aria-label", label);
  element.innerHTML = svg(ICONS[icon]);
}

/** @param {string} content */
function svg(content) {
  return `<svg viewBox="0 0 16 16" aria-hidden="true">${content}</svg>`;
}

/**
 * The text, so that it says the same as HTML, in attributes too.
 *
 * @param {string} text
 */
function escaped(text) {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/**
 * Was it copied?
 *
 * @param {string} text
 */
async function copyText(text) {
  if (navigator.clipboard) {
    // Refused while the page has not got the focus, or by the browser's settings.
    return navigator.clipboard.writeText(text).then(() => true, () => false);
  }
  // Over plain http from another machine there is no clipboard API.
  const field = document.createElement("textarea");
  field.value = text;
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  return copied;
}
