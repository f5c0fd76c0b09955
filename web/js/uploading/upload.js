// @ts-check

/**
 * Sends files to the server, a few at a time. A failed one does not stop the others.
 *
 * @typedef {import("./frame_files.js").FrameFile} FrameFile
 *
 * @typedef {object} Job
 * @property {string} folder name on the server
 * @property {FrameFile} frame
 *
 * @typedef {object} Failure
 * @property {Job} job
 * @property {string} reason
 *
 * @typedef {object} Outcome
 * @property {Job[]} sent
 * @property {Failure[]} failures in the order of the jobs
 */

const AT_ONCE = 4; // of the browser's six connections to a server, so that the editor keeps two

/**
 * @param {Job[]} jobs
 * @param {object} options
 * @param {(job: Job, signal: AbortSignal) => Promise<void>} options.send a rejection's message is the reason of the failure
 * @param {AbortSignal} options.signal stops sending; what was not sent is in neither list
 * @param {(done: number) => void} options.onProgress called after each job, with how many are done
 * @returns {Promise<Outcome>}
 */
export async function sendAll(jobs, { send, signal, onProgress }) {
  /** @type {Job[]} */
  const sent = [];
  /** @type {Map<Job, string>} */
  const reasons = new Map();
  const waiting = jobs.values(); // shared: each worker takes the next job
  const work = async () => {
    for (const job of waiting) {
      try {
        await send(job, signal);
        sent.push(job);
      } catch (error) {
        if (signal.aborted) return;
        reasons.set(job, error instanceof Error ? error.message : String(error));
      }
      if (signal.aborted) return;
      onProgress(sent.length + reasons.size);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const failures = jobs.filter((job) => reasons.has(job)).map((job) => ({ job, reason: reasons.get(job) ?? "" }));
  return { sent, failures };
}
