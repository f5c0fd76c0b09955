"""Development tools: a stand-in for ComfyUI, a launcher for the real one, and the demo. Not shipped to users."""
