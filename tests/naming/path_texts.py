"""Texts that try to leave a folder, or to name what a system reserves."""

from __future__ import annotations

from hypothesis import strategies as st

_NAMES = st.sampled_from(
    [".", "~", "con", "nul.txt", "out", "in", "a", "{}", "####", "output_evil", "é", " ", "\0", "\n"]
)
_WAYS_OUT = st.sampled_from(
    ["..", "/", "//", "\\", "\\\\", "C:", "c:\\", "../output_evil", "..\\..", "．．", "∕", "/etc", "/proc"]
)

path_texts = st.lists(_NAMES | _WAYS_OUT | st.text(max_size=3), max_size=8).map("".join)
