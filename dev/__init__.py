"""Tools for developing the pack: a stand-in for ComfyUI, a starter for the real one, and the demo. Not shipped to users."""
