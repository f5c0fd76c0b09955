"""Decodes TIFF's fax compressions (Group 3 and Group 4) to black and white pixels, and raises an error for any damage.

libtiff prints a message to the console and makes up the pixels that it cannot decode, so it is not used. Code tables and
modes: ITU-T T.4 (Group 3) and T.6 (Group 4). Their use in TIFF: TIFF 6.0, sections 10 and 11.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..base import ByteArray

# T.4, tables 2 and 3: the codes of run lengths 0 to 63, then of 64, 128 ... 1728.
_WHITE = """
00110101 000111 0111 1000 1011 1100 1110 1111 10011 10100 00111 01000 001000 000011 110100 110101 101010 101011 0100111
0001100 0001000 0010111 0000011 0000100 0101000 0101011 0010011 0100100 0011000 00000010 00000011 00011010 00011011
00010010 00010011 00010100 00010101 00010110 00010111 00101000 00101001 00101010 00101011 00101100 00101101 00000100
00000101 00001010 00001011 01010010 01010011 01010100 01010101 00100100 00100101 01011000 01011001 01011010 01011011
01001010 01001011 00110010 00110011 00110100
11011 10010 010111 0110111 00110110 00110111 01100100 01100101 01101000 01100111 011001100 011001101 011010010 011010011
011010100 011010101 011010110 011010111 011011000 011011001 011011010 011011011 010011000 010011001 010011010 011000
010011011
"""
_BLACK = """
0000110111 010 11 10 011 0011 0010 00011 000101 000100 0000100 0000101 0000111 00000100 00000111 000011000 0000010111
0000011000 0000001000 00001100111 00001101000 00001101100 00000110111 00000101000 00000010111 00000011000 000011001010
000011001011 000011001100 000011001101 000001101000 000001101001 000001101010 000001101011 000011010010 000011010011
000011010100 000011010101 000011010110 000011010111 000001101100 000001101101 000011011010 000011011011 000001010100
000001010101 000001010110 000001010111 000001100100 000001100101 000001010010 000001010011 000000100100 000000110111
000000111000 000000100111 000000101000 000001011000 000001011001 000000101011 000000101100 000001011010 000001100110
000001100111
0000001111 000011001000 000011001001 000001011011 000000110011 000000110100 000000110101 0000001101100 0000001101101
0000001001010 0000001001011 0000001001100 0000001001101 0000001110010 0000001110011 0000001110100 0000001110101
0000001110110 0000001110111 0000001010010 0000001010011 0000001010100 0000001010101 0000001011010 0000001011011
0000001100100 0000001100101
"""
# The codes of 1792, 1856 ... 2560, for both colours.
_LONG = """
00000001000 00000001100 00000001101 000000010010 000000010011 000000010100 000000010101 000000010110 000000010111
000000011100 000000011101 000000011110 000000011111
"""
_PASS, _HORIZONTAL = "pass", "horizontal"
# T.4, table 4: the offset of a changing element from the one in the row above (vertical mode), or another mode.
_MODES: dict[str, int | str] = {
    "1": 0, "011": 1, "000011": 2, "0000011": 3, "010": -1, "000010": -2, "0000010": -3, "0001": _PASS, "001": _HORIZONTAL
}  # fmt: skip
_LONGEST, _LONGEST_MODE = 13, 7
_END_OF_LINE = 11  # zeros, then a one; no other code starts with so many zeros


def _table(codes: dict[str, int | str], bits: int) -> list[tuple[int | str, int] | None]:
    """A lookup table by the next `bits` bits: (meaning, code length), or None for an invalid code."""
    table: list[tuple[int | str, int] | None] = [None] * (1 << bits)
    for code, meaning in codes.items():
        first = int(code, 2) << (bits - len(code))
        table[first : first + (1 << (bits - len(code)))] = [(meaning, len(code))] * (1 << (bits - len(code)))
    return table


def _runs(colour: str) -> list[tuple[int | str, int] | None]:
    lengths = [*range(64), *range(64, 2561, 64)]
    codes: dict[str, int | str] = dict(zip((colour + _LONG).split(), lengths))
    return _table(codes, _LONGEST)


_RUNS, _MODE_TABLE = (_runs(_WHITE), _runs(_BLACK)), _table(_MODES, _LONGEST_MODE)


class _Decoder:
    def __init__(self, data: bytes, width: int) -> None:
        self._data, self.width = data, width
        self._end = 8 * len(data)
        self.position = 0

    def peek(self, bits: int) -> int:
        """The next bits (at most 24) as a number, padded with zeros past the end of the data."""
        byte, used = divmod(self.position, 8)
        word = int.from_bytes(self._data[byte : byte + 4].ljust(4, b"\0"), "big")
        return (word >> (32 - used - bits)) & ((1 << bits) - 1)

    def _code(self, table: list[tuple[int | str, int] | None], bits: int) -> int | str:
        found = table[self.peek(bits)]
        if found is None or self.position + found[1] > self._end:
            raise ValueError("its fax data are damaged or truncated")
        self.position += found[1]
        return found[0]

    def _run(self, black: int) -> int:
        total = 0
        while True:
            length = self._code(_RUNS[black], _LONGEST)
            assert isinstance(length, int)
            total += length
            if length < 64:
                return total
            if total > self.width:
                raise ValueError("its fax data are damaged: a row is too long")

    def skip_end_of_line(self) -> bool:
        """Skip an end-of-line code and any fill bits before it. Returns False if there is none."""
        if self.peek(_END_OF_LINE):
            return False
        self.position += _END_OF_LINE
        while not self.peek(1):
            self.position += 1 if self.peek(8) else 8
            if self.position >= self._end:
                raise ValueError("its fax data are truncated")
        self.position += 1
        return True

    def align(self, bits: int) -> None:
        self.position += -self.position % bits

    def row(self) -> list[int]:
        """The changing elements (columns) of a one-dimensionally coded row (T.4, 4.1). The first one changes to black."""
        changes: list[int] = []
        at = black = 0
        while at < self.width:
            at = self._add_change(changes, at + self._run(black))
            black = 1 - black
        return changes

    def row_after(self, above: list[int]) -> list[int]:
        """The changing elements of a row that is coded relative to the row `above` (T.4, 4.2; T.6, 2.2)."""
        changes: list[int] = []
        width, black, at, index = self.width, 0, -1, 0
        above = [*above, width, width, width, width]
        while at < width:
            # Find b1 of T.4: the first change above, right of `at`, to the other colour. Changes to black have even indices.
            while index and above[index - 1] > at:
                index -= 1
            if index % 2 != black:
                index += 1
            while above[index] <= at and above[index] < width:
                index += 2
            mode = self._code(_MODE_TABLE, _LONGEST_MODE)
            if mode is _PASS:
                at = above[index + 1]
            elif mode is _HORIZONTAL:
                at = self._add_change(changes, max(at, 0) + self._run(black))
                at = self._add_change(changes, at + self._run(1 - black))
            else:
                assert isinstance(mode, int)
                if above[index] + mode < max(at, 0):
                    raise ValueError("its fax data are damaged: a run has a negative length")
                at = self._add_change(changes, above[index] + mode)
                black = 1 - black
        return changes

    def _add_change(self, changes: list[int], at: int) -> int:
        if at > self.width:
            raise ValueError("its fax data are damaged: a row is too long")
        if changes and changes[-1] == at:
            changes.pop()  # two changes at the same column cancel each other
        elif at < self.width:
            changes.append(at)
        return at


def group_3(data: bytes, width: int, height: int, *, two_dimensional: bool) -> ByteArray:
    """Decode Group 3 data (T.4) to uint8 (height, width), 1 is black. Raises ValueError if they are damaged or truncated."""
    decoder = _Decoder(data, width)

    def row(above: list[int]) -> list[int]:
        marked = decoder.skip_end_of_line()
        if two_dimensional and not marked:
            raise ValueError("its fax data are damaged: an end-of-line code is missing")
        by_itself = not two_dimensional or decoder.peek(1)
        decoder.position += two_dimensional
        return decoder.row() if by_itself else decoder.row_after(above)

    return _image(row, width, height)


def group_4(data: bytes, width: int, height: int) -> ByteArray:
    """Decode Group 4 data (T.6) to uint8 (height, width), 1 is black. Raises ValueError if they are damaged or truncated."""
    return _image(_Decoder(data, width).row_after, width, height)


def run_lengths(data: bytes, width: int, height: int, *, alignment: int) -> ByteArray:
    """Decode rows without end-of-line codes, each at a multiple of `alignment` bits, to uint8 (height, width), 1 is black.

    These are TIFF's compressions 2 and 32771. Raises ValueError if the data are damaged or truncated.
    """
    decoder = _Decoder(data, width)

    def row(_above: list[int]) -> list[int]:
        decoder.align(alignment)
        return decoder.row()

    return _image(row, width, height)


def _image(row: Callable[[list[int]], list[int]], width: int, height: int) -> ByteArray:
    """The image, uint8 (height, width). `row` returns the changing elements of the next row, given those of the last."""
    pixels = np.zeros((height, width), np.uint8)
    changes: list[int] = []
    for line in pixels:
        changes = row(changes)
        line[changes] = 1
    return np.bitwise_xor.accumulate(pixels, axis=1, out=pixels)
