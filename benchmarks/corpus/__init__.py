"""Synthetic pictures that people save as image sequences: two halves, of which one judges, and sequences of frames.

Nothing is read from disk, so the figures in the README can be reproduced anywhere. The encoder's constants were chosen on
`TUNING` (and on real photographs, which are not part of the pack). `HELD_OUT` has other generators and was not looked at
while they were chosen: figures that are as good on it show that the constants are not overfitted.
"""

from .held_out import HELD_OUT as HELD_OUT
from .registry import KINDS as KINDS
from .registry import Pixels as Pixels
from .registry import Registry as Registry
from .tuning import TUNING as TUNING
from .variants import VARIED as VARIED
from .variants import frames as frames
