"""What decoders say of a sound file that they do not read."""

from __future__ import annotations


class NotReadError(ValueError):
    """A file of a kind that is not read, however sound it is. Attributes: `reason` and `remedy`, both without a full stop."""

    def __init__(self, reason: str, remedy: str = "convert it to PNG") -> None:
        self.reason, self.remedy = reason, remedy
        super().__init__(f"{reason}; {remedy}")
