// A job type for Flamenco 3.6 or later: renders an image sequence in chunks, and then makes what follows its last frame.
// README.md beside this file says how to use it. The functions that Flamenco provides are in its source:
// https://projects.blender.org/studio/flamenco/src/branch/main/internal/manager/job_compilers
"use strict";

const JOB_TYPE = {
  label: "ComfyUI Image Sequence",
  description: "Render an image sequence on the ComfyUI of each worker",
  settings: [
    {
      key: "prompt",
      type: "string",
      subtype: "file_path",
      required: true,
      description: "Workflow in API format, or a frame that was saved with its workflow; on the shared storage",
    },
    {
      key: "frames",
      type: "string",
      required: true,
      eval: "f'{C.scene.frame_start}-{C.scene.frame_end}'",
      evalInfo: { showLinkButton: true, description: "Scene frame range" },
      description: "Frame range to render. Examples: '47', '1-30', '3, 5-10, 47-327'",
    },
    { key: "chunk_size", type: "int32", default: 10, propargs: { min: 1 }, description: "Number of frames in one task" },
    {
      key: "client",
      type: "string",
      subtype: "file_path",
      required: true,
      description: "Path of comfyui_frames.py on the shared storage",
    },
    {
      key: "python",
      type: "string",
      default: "python",
      description: "Python 3.9 or later on the workers: a name in PATH, a path, or a variable such as {python}",
    },
    {
      key: "arguments",
      type: "string",
      default: "",
      description: "Further arguments of comfyui_frames.py render. Example: '--wait 60 --overwrite'",
    },
    {
      key: "finish",
      type: "bool",
      default: true,
      description: "When all chunks are done, render what is missing, and then what follows the last frame, such as the film",
    },
  ],
};

function compileJob(job) {
  const settings = withDefaults(job.settings);
  const renders = frameChunker(settings.frames, settings.chunk_size).map((frames) =>
    renderTask(`render-${frames}`, settings, frames, []),
  );
  renders.forEach((task) => job.addTask(task));
  if (!settings.finish) return;
  const all = frameChunker(settings.frames, 1000000)[0]; // translates Blender's 1..10, which comfyui_frames.py does not know
  const finish = renderTask("finish", settings, all, ["--finish"]);
  renders.forEach((task) => finish.addDependency(task));
  job.addTask(finish);
}

// Blender's add-on sends every setting; what a script posts to the API may have only the required ones.
function withDefaults(given) {
  const settings = {};
  JOB_TYPE.settings.forEach((setting) => {
    settings[setting.key] = given[setting.key] === undefined ? setting.default : given[setting.key];
  });
  return settings;
}

function renderTask(name, settings, frames, options) {
  const args = [settings.client, "render", settings.prompt, `--frames=${frames}`, ...options];
  shellSplit(settings.arguments).forEach((argument) => args.push(argument));
  const task = author.Task(name, "misc"); // a type that workers take without being configured
  task.addCommand(author.Command("exec", { exe: settings.python, args }));
  return task;
}
