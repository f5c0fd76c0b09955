// ComfyUI's frontend, as far as web/js touches it (1.27 to 1.58). Written by hand: the newest releases of
// @comfyorg/comfyui-frontend-types hold no declarations, and none declares addDOMWidget or hideOutputImages.

interface ComfyWidget {
  name: string;
  type?: string;
  /** What it is called instead, by the user or (1.27) by the frontend's translation. */
  label?: string;
  value?: unknown;
  hidden?: boolean;
  advanced?: boolean;
  callback?: (...given: unknown[]) => unknown;
  /** Called before and after each prompt is put together. */
  beforeQueued?: (...given: unknown[]) => void;
  afterQueued?: (...given: unknown[]) => void;
  computeSize?: (width?: number) => [number, number];
  /** Where the canvas has laid it out. */
  y?: number;
  /** Is the value stored in the workflow? `options.serialize`: is it sent in the prompt? */
  serialize?: boolean;
  options: {
    values?: unknown;
    serialize?: boolean;
    getOptionLabel?: (value: string | null | undefined) => string;
    [option: string]: unknown;
  };
}

interface ComfyNode {
  id: number | string;
  /** The class of a node that comes from the server. */
  comfyClass?: string;
  size: [number, number];
  graph: ComfyGraph | null;
  subgraph?: ComfyGraph;
  /** `label` is what the user calls it, `localized_name` the frontend's translation. */
  inputs?: { name: string; label?: string; localized_name?: string }[];
  type?: string;
  widgets?: ComfyWidget[];
  hideOutputImages?: boolean;
  showAdvanced?: boolean;
  /** Absent in frontends without advanced inputs. */
  toggleAdvanced?(): void;
  isInputConnected(slot: number): boolean;
  getInputNode(slot: number): ComfyNode | null;
  addWidget(type: "button", name: string, value: unknown, callback: () => void, options?: ComfyWidget["options"]): ComfyWidget;
  computeSize(): [number, number];
  setSize(size: [number, number]): void;
  addWidget(
    type: "button",
    name: string,
    value: null,
    callback: () => void,
    options: Record<string, unknown>,
  ): ComfyWidget;
  addDOMWidget(name: string, type: string, element: HTMLElement, options: Record<string, unknown>): ComfyWidget;
  onNodeCreated?(): void;
  onExecuted?(output: ComfyOutput | null): void;
  onRemoved?(): void;
  /** Whether files can be dropped here. */
  onDragOver?(event: DragEvent): boolean;
  /** Whether the node takes the files. */
  onDragDrop?(event: DragEvent): boolean;
  onDrawBackground?(): void;
}

/** What a node has put into `ui`. */
interface ComfyOutput {
  image_sequence?: string[];
  [key: string]: unknown;
}

interface ComfyGraph {
  id: string;
  nodes: ComfyNode[];
  subgraphs?: Map<string, ComfyGraph>;
  getNodeById(id: number | string): ComfyNode | null | undefined;
  setDirtyCanvas(foreground: boolean, background?: boolean): void;
}

interface ComfyCanvas {
  graph: ComfyGraph | null;
  /** What happens between these two is one step for Undo. */
  emitBeforeChange(): void;
  emitAfterChange(): void;
  processMouseWheel(event: Event): void;
  processMouseDown(event: Event): void;
  processMouseMove(event: Event): void;
  processMouseUp(event: Event): void;
}

interface ComfyExtension {
  name: string;
  init?(): unknown;
  setup?(): unknown;
  beforeRegisterNodeDef?(nodeType: { prototype: ComfyNode }, nodeData: { name: string }): unknown;
  nodeCreated?(node: ComfyNode): unknown;
  afterConfigureGraph?(): unknown;
  onNodeOutputsUpdated?(outputs: Record<string, ComfyOutput> | null): unknown;
}

interface ComfyApp {
  /** Gets the files that are dropped next. */
  dragOverNode: ComfyNode | null;
  /** Absent in 1.27, which has `graph` alone. */
  rootGraph?: ComfyGraph;
  graph: ComfyGraph;
  canvas: ComfyCanvas;
  extensionManager: { setting: { get(name: string): string }; toast: { add(message: ComfyToast): void } };
  registerExtension(extension: ComfyExtension): void;
  handleFile(file: File): Promise<void>;
  /** Resolves at once, to false, if another call is still queueing; that one then does it. */
  queuePrompt(number: number, batchCount: number): Promise<boolean>;
}

interface ComfyToast {
  severity: "success" | "info" | "warn" | "error";
  summary: string;
  detail?: string;
  /** In milliseconds; without it, the toast stays until the user closes it. */
  life?: number;
}

/** What the server finds wrong with an input of a node. Other extensions may hand on anything in its place. */
interface ComfyInputError {
  type?: string;
  message?: string;
  details?: string;
  extra_info?: { input_name?: string; received_value?: unknown } | null;
}

type ComfyNodeErrors = Record<string, { errors?: (ComfyInputError | null)[] } | null>;

interface ComfyApi {
  apiURL(path: string): string;
  fetchApi(path: string, options?: RequestInit): Promise<Response>;
  queuePrompt(...given: unknown[]): Promise<any>;
  addEventListener(name: string, listener: (event: CustomEvent<any>) => void): void;
}

declare const LiteGraph: { vueNodesMode?: boolean; NODE_WIDGET_HEIGHT: number };

// However deep a script lies: ../../../scripts/app.js is what the frontend serves.
declare module "*/scripts/app.js" {
  export const app: ComfyApp;
}

declare module "*/scripts/api.js" {
  export const api: ComfyApi;
}
