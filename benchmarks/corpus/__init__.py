"""Synthetic pictures that people save as image sequences: two halves, of which one judges, and sequences of frames.

They are drawn, so the figures in the README can be reproduced anywhere; fonts, a photograph and two scans come from packages that
the benchmarks need. The encoder's constants were chosen on `TUNING` (and on real photographs, which are not part of the
pack). `HELD_OUT` has other generators and was not looked at while they were chosen: figures that are as good on it show that
the constants are not overfitted. Contents that have judged once become tuning contents: former_held_out.py.
"""

from .former_held_out import TUNING as TUNING
from .held_out import HELD_OUT as HELD_OUT
from .registry import KINDS as KINDS
from .registry import Pixels as Pixels
from .registry import Registry as Registry
from .variants import VARIED as VARIED
from .variants import frames as frames
