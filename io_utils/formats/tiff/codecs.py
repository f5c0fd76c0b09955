"""Decodes TIFF compressions for which libraries print to the console or have no decoder. Slow, because it is pure Python.

PackBits: TIFF 6.0, section 9. ThunderScan and old-style LZW are specified only by libtiff's source (tif_thunder.c,
tif_lzw.c).
"""

from __future__ import annotations

_CLEAR, _END, _FIRST = 256, 257, 258  # TIFF 6.0, section 13
_SHORTEST_CODE, _LONGEST_CODE = 9, 12
_RUN, _TWO_BITS, _THREE_BITS, _RAW = range(4)  # the upper two bits of a ThunderScan byte
_TWO_BIT_STEPS, _NO_TWO_BIT_STEP = (0, 1, 0, -1), 2
_THREE_BIT_STEPS, _NO_THREE_BIT_STEP = (0, 1, 2, 3, 0, -3, -2, -1), 4


def packbits(packed: bytes, length: int) -> bytes:
    """The first `length` decoded bytes of `packed`, fewer if it is truncated. Runs may continue in the next row."""
    parts, position, found = [], 0, 0
    while found < length and position < len(packed):
        code = packed[position]
        if code < 128:
            part = packed[position + 1 : position + code + 2]
            position += code + 2
        else:
            part = packed[position + 1 : position + 2] * (257 - code) if code > 128 else b""
            position += 2 if code > 128 else 1
        parts.append(part)
        found += len(part)
    return b"".join(parts)[:length]


def old_lzw(packed: bytes, length: int) -> bytes:
    """The first `length` decoded bytes of old-style LZW (codes with the lowest bit first), fewer if it is truncated.

    Raises ValueError for damaged data and for other kinds of LZW.
    """
    if len(packed) < 2 or packed[0] or not packed[1] & 1:  # must start with the clear code; libtiff's test is the same
        raise ValueError("its compressed data are damaged")
    table = [bytes([value]) for value in range(_CLEAR)] + [b"", b""]
    parts, found, width, previous = [], 0, _SHORTEST_CODE, b""
    bits = count = position = 0
    while found < length:
        while count < width and position < len(packed):
            bits |= packed[position] << count
            position, count = position + 1, count + 8
        code, bits, count = bits & (1 << width) - 1, bits >> width, count - width
        if count < 0 or code == _END:
            break
        if code == _CLEAR:
            del table[_FIRST:]
            width, previous = _SHORTEST_CODE, b""
            continue
        part = table[code] if code < len(table) else previous + previous[:1]
        if not part or code > len(table):
            raise ValueError("its compressed data are damaged")
        if previous and len(table) < 1 << _LONGEST_CODE:
            table.append(previous + part[:1])
            width = min(_LONGEST_CODE, max(_SHORTEST_CODE, len(table).bit_length()))
        parts.append(part)
        found, previous = found + len(part), part
    return b"".join(parts)[:length]


def thunderscan(packed: bytes, width: int, height: int) -> bytes:
    """Decode ThunderScan to 4-bit samples, one per byte, row by row. Raises ValueError if a row is too long or truncated."""
    rows, position = [], 0
    for _ in range(height):
        row, last = bytearray(), 0
        while len(row) < width and position < len(packed):
            kind, value = packed[position] >> 6, packed[position] & 63
            position += 1
            if kind == _RUN:
                row += bytes([last]) * value
                continue
            for step in _thunderscan_steps(kind, value):
                last = value & 15 if kind == _RAW else last + step & 15
                row.append(last)
            del row[width:]  # unused differences past the end of the row
        if len(row) != width:
            raise ValueError("its ThunderScan data are damaged or truncated")
        rows.append(bytes(row))
    return b"".join(rows)


def _thunderscan_steps(kind: int, value: int) -> list[int]:
    """The differences between neighbouring pixels in one byte, without unused ones; [0] for a raw byte."""
    if kind == _TWO_BITS:
        fields = (value >> 4, value >> 2 & 3, value & 3)
        return [_TWO_BIT_STEPS[field] for field in fields if field != _NO_TWO_BIT_STEP]
    if kind == _THREE_BITS:
        return [_THREE_BIT_STEPS[field] for field in (value >> 3, value & 7) if field != _NO_THREE_BIT_STEP]
    return [0]
