// @ts-check

/**
 * The keys of the player: arrows, page keys, Home and End go through the frames, space plays. In scene-linear sequences
 * + and - change the exposure by a third of a stop, and 0 resets it. In sequences with marks, N and P go to the next and the
 * previous marked range.
 *
 * @typedef {object} KeyCommands
 * @property {object | null} sequence without one, keys do nothing
 * @property {(steps: number) => void} move
 * @property {() => void} togglePlay
 * @property {boolean} canPan
 * @property {(dx: number, dy: number) => void} pan in pixels of the page
 * @property {boolean} canExpose
 * @property {(stops: number) => void} expose
 * @property {(thirds: number) => void} exposeBy thirds of a stop
 * @property {boolean} hasMarks
 * @property {(direction: 1 | -1) => void} goToMark
 */

const LEAP = 10; // frames
const PAN = 40; // pixels

/**
 * @param {HTMLElement} element
 * @param {KeyCommands} commands
 */
export function listenToKeys(element, commands) {
  element.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.key === "Tab" || event.key === "Escape") return;
    const isTaken = belongsToControl(event);
    const action = isTaken || !commands.sequence ? null : actionOf(event, commands);
    if (action) {
      event.preventDefault();
      action();
    }
    // ComfyUI would act on these: Delete removes the node whose player has the focus.
    if (isTaken || action || event.key === "Delete" || event.key === "Backspace") event.stopPropagation();
  });
}

/**
 * Whether the focused control needs the key itself. The frame slider does not: its arrow keys are the player's.
 *
 * @param {KeyboardEvent} event
 */
function belongsToControl({ target, key }) {
  if (!(target instanceof Element)) return false;
  if (target.matches("input:not([type=range]), select")) return true;
  if (target.closest(".seqplayer-exposure")) return /^(Arrow|Page|Home|End)/.test(key);
  return Boolean(target.closest("button, a")) && [" ", "Enter"].includes(key);
}

/**
 * @param {KeyboardEvent} event
 * @param {KeyCommands} commands
 */
function actionOf({ key, shiftKey }, commands) {
  const leap = shiftKey ? LEAP : 1;
  const pans = shiftKey && commands.canPan;
  /** @type {Record<string, () => void>} */
  const actions = {
    ArrowLeft: () => (pans ? commands.pan(PAN, 0) : commands.move(-leap)),
    ArrowRight: () => (pans ? commands.pan(-PAN, 0) : commands.move(leap)),
    ArrowUp: () => (pans ? commands.pan(0, PAN) : commands.move(leap)),
    ArrowDown: () => (pans ? commands.pan(0, -PAN) : commands.move(-leap)),
    PageUp: () => commands.move(LEAP),
    PageDown: () => commands.move(-LEAP),
    Home: () => commands.move(-Infinity),
    End: () => commands.move(Infinity),
    " ": () => commands.togglePlay(),
  };
  /** @type {Record<string, () => void>} */
  const exposures = {
    "+": () => commands.exposeBy(1),
    "=": () => commands.exposeBy(1), // the key of + without Shift on many keyboards
    "-": () => commands.exposeBy(-1),
    0: () => commands.expose(0),
  };
  /** @type {Record<string, () => void>} */
  const marks = {
    n: () => commands.goToMark(1),
    p: () => commands.goToMark(-1),
  };
  const exposure = commands.canExpose ? exposures[key] : null;
  return actions[key] ?? exposure ?? (commands.hasMarks ? marks[key.toLowerCase()] : null) ?? null;
}
