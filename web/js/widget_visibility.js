// @ts-check

/**
 * Keeps nodes small: widgets that do not apply to the chosen kind of file, and rarely used ones, are advanced inputs, which the
 * frontend hides until the user asks for them. A value that the user has set is always shown, and so is a link. Values, their
 * order and what is saved never change.
 */

import { isLinked as hasLink, watchWidget } from "./node_values.js";
import { isVue, redrawWidgets } from "./renderer.js";

/** @typedef {{ kind: string, isLinear: boolean }} Files what a node writes or reads, see `filesOf` */

/** @type {Record<string, (files: Files) => boolean>} when a widget applies */
const APPLIES = {
  exr_compression: ({ isLinear }) => isLinear,
  layer: ({ isLinear }) => isLinear,
  image_color_space: ({ isLinear }) => isLinear,
  file_color_space: ({ isLinear }) => isLinear,
  quality: ({ kind }) => kind === "jpg" || kind === "webp lossy",
  workflow_file: ({ kind }) => kind === "jpg" || kind === "exr", // JPG holds no workflow, and nobody drops EXR into ComfyUI
};
// They apply, but few need them. A frontend without advanced inputs shows them.
const RARE = ["step", "on_size_mismatch", "first_frame"];
// What decides about them.
const SOURCES = ["filetype", "path_pattern", "pattern"];

const ROW_GAP = 4; // pixels that the canvas adds to the height of every widget
const OUT_OF_REACH = -1e6; // pixels below the title, where nobody points

/**
 * What a node writes or reads.
 *
 * @param {object} chosen
 * @param {string} [chosen.filetype] of a saver
 * @param {string} [chosen.pattern] file names of a saver or loader
 * @param {boolean} [chosen.isFloat] whether the last run of a loader loaded floating-point files; this decides if `pattern`
 *   has no extension ("*") or that of TIFF
 * @returns {Files} `kind` of a saver: "png", "jpg", "webp", "webp lossy" or "exr"; `isLinear`: whether the files are
 *   scene-linear, as EXR files are
 */
export function filesOf({ filetype, pattern = "", isFloat = false }) {
  const extensions = pattern.split("|").map((name) => /\.([a-z]\w*)\s*$/i.exec(name)?.[1]?.toLowerCase());
  if (filetype === undefined) {
    const isOpen = extensions.every((extension) => !extension || /^tiff?$/.test(extension));
    return { kind: "", isLinear: extensions.includes("exr") || (isFloat && isOpen) };
  }
  // In a saver's pattern, the extension decides over the file type.
  const kind = kindOf(filetype, extensions[0]);
  return { kind, isLinear: kind === "exr" };
}

/**
 * The kind of file that a saver writes.
 *
 * @param {string} filetype
 * @param {string} [extension] of the pattern
 */
function kindOf(filetype, extension) {
  const [name = "", variant] = filetype.split(" ");
  if (extension && extension !== name) return extension === "jpeg" ? "jpg" : extension;
  if (name === "as") return "png"; // "as the pattern's extension says"
  return name === "webp" && variant === "lossy" ? "webp lossy" : name;
}

/**
 * Whether a widget is shown like any other. A value that the user has set, or a link, always is.
 *
 * @param {{ applies: boolean, isDefault: boolean, isLinked: boolean }} state
 */
export function isShown({ applies, isDefault, isLinked }) {
  return applies || !isDefault || isLinked;
}

export class WidgetVisibility {
  #node;
  #isFloat;
  /** @type {{ widget: ComfyWidget, initial: unknown }[]} */
  #widgets = [];
  /**
   * The height that this has given the node, until somebody else changes it: the node may shrink by `grown` pixels, and has
   * `spare` pixels of room for widgets.
   */
  #height = { own: 0, grown: 0, spare: 0 };

  /**
   * @param {ComfyNode} node new, with the default values
   * @param {() => boolean} isFloat whether the last run loaded floating-point files
   */
  constructor(node, isFloat) {
    this.#node = node;
    this.#isFloat = isFloat;
    const before = node.computeSize()[1];
    for (const widget of node.widgets ?? []) {
      const isOurs = widget.name in APPLIES || (RARE.includes(widget.name) && hasAdvanced(node));
      if (isOurs) {
        this.#widgets.push({ widget, initial: widget.value });
        leaveNoGap(node, widget);
        putSlotAside(node, widget);
      }
      if (isOurs || SOURCES.includes(widget.name)) watchWidget(widget, () => this.update());
    }
    if (!this.#widgets.length) return;
    this.#apply();
    // Its first size has room for all widgets.
    node.setSize([node.size[0], node.size[1] + node.computeSize()[1] - before]);
  }

  /**
   * To be called when something has changed. The node grows with the widgets that appear, and shrinks again when they are
   * hidden, but never below the height that the user has given it.
   */
  update() {
    if (!this.#widgets.length) return;
    const [width, height] = this.#node.size;
    const before = this.#node.computeSize()[1];
    const { grown, spare } = this.#height.own === height ? this.#height : this.#unknownHeight(height - before);
    this.#apply();
    const difference = this.#node.computeSize()[1] - before;
    if (!difference || isVue()) return; // Vue nodes grow and shrink with their content
    // Widgets that appear take the spare room first; for hidden ones the node shrinks as far as it had grown.
    const change = difference > 0 ? Math.max(0, difference - spare) : Math.max(-grown, difference);
    this.#height = { own: height + change, grown: grown + change, spare: spare + change - difference };
    if (change) this.#node.setSize([width, height + change]);
  }

  /** To be called when a workflow has set the values, and with them the height that the node had. */
  restore() {
    this.#height = { own: 0, grown: 0, spare: 0 };
    this.#apply();
  }

  /**
   * What can be said of a height that somebody else has set. A node that is only as high as it must be follows its widgets.
   * Room beyond that is empty, unless a picture fills it.
   *
   * @param {number} room
   */
  #unknownHeight(room) {
    const hasPicture = this.#node.widgets?.some(({ name, hidden }) => name === "sequence_player" && !hidden);
    return { grown: room > 0 ? 0 : Infinity, spare: hasPicture ? 0 : Math.max(0, room) };
  }

  #apply() {
    const node = this.#node;
    const files = filesOf({
      filetype: this.#text("filetype"),
      pattern: this.#text("path_pattern") ?? this.#text("pattern"),
      isFloat: this.#isFloat(),
    });
    for (const { widget, initial } of this.#widgets) {
      const applies = APPLIES[widget.name]?.(files) ?? false;
      const isDefault = widget.value === initial;
      setAdvanced(node, widget, !isShown({ applies, isDefault, isLinked: hasLink(node, widget.name) }));
    }
    redrawWidgets(node);
  }

  /** @param {string} name */
  #text(name) {
    const widget = this.#node.widgets?.find((candidate) => candidate.name === name);
    return widget && String(widget.value ?? "");
  }
}

/** @param {ComfyNode} node */
function hasAdvanced(node) {
  return Boolean(node.toggleAdvanced);
}

/**
 * The canvas looks at the widget itself, Vue nodes at its options. Frontends without advanced inputs can only hide it.
 *
 * @param {ComfyNode} node
 * @param {ComfyWidget} widget
 * @param {boolean} isAdvanced
 */
function setAdvanced(node, widget, isAdvanced) {
  if (hasAdvanced(node)) widget.advanced = widget.options.advanced = isAdvanced;
  else widget.hidden = isAdvanced;
}

/**
 * The canvas keeps room for advanced widgets that it does not draw.
 *
 * @param {ComfyNode} node
 * @param {ComfyWidget} widget
 */
function leaveNoGap(node, widget) {
  widget.computeSize = (width = node.size[0]) => {
    return [width, isDrawn(node, widget) ? LiteGraph.NODE_WIDGET_HEIGHT : -ROW_GAP];
  };
}

/**
 * The canvas puts the input slots of widgets that it does not draw where the next row is, and shows their tooltips there.
 *
 * @param {ComfyNode} node
 * @param {ComfyWidget} widget
 */
function putSlotAside(node, widget) {
  let { y = 0 } = widget;
  Object.defineProperty(widget, "y", {
    get: () => (isDrawn(node, widget) ? y : OUT_OF_REACH),
    set(/** @type {number} */ now) {
      y = now;
    },
    configurable: true,
    enumerable: true,
  });
}

/**
 * @param {ComfyNode} node
 * @param {ComfyWidget} widget
 */
function isDrawn(node, widget) {
  return !widget.hidden && (!widget.advanced || Boolean(node.showAdvanced));
}
