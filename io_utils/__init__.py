"""The core of the pack: frames, file names, folders and files. Nothing in here but `host` knows ComfyUI."""
