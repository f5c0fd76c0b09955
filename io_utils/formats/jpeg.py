"""JPEG: markers are parsed here, libjpeg decodes and encodes the pixels, and FFmpeg detects damage.

Section and table numbers: ITU-T T.81 (1992). libjpeg makes up what it cannot decode and only warns, and Pillow drops its
warnings. So the markers are checked here first, and FFmpeg decodes the scans a second time with every complaint treated as
an error. FFmpeg alone misses most damage: of 60 photographs with a hole of 256 zeros it refused 5, while libjpeg warned
about 43 to 60. With `_Probe` it refuses 40 to 60, and none of 163 intact files from cameras. This takes 4 to 6 ms of CPU
per megapixel, as long as libjpeg itself.

libjpeg gets only the segments that affect the pixels. So invalid metadata cannot prevent decoding, and no second picture
(MPO, thumbnail) is ever decoded.
"""

from __future__ import annotations

import io
import os
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, Any

import av
import numpy as np
from PIL import Image

from ..errors import UnsupportedFileError
from . import orientation
from .base import IDENTITY, IDENTITY_BYTES, AnyPixels, ByteArray, Extent, Extras, Format, Header, Pixels, Stored

_SIGNATURE = b"\xff\xd8\xff"  # SOI, and the start of any other marker: table B.1
_END = b"\xff\xd9"  # EOI

_SOI, _EOI, _SOS, _DQT, _DHT, _DAC, _DRI, _DNL, _COM, _TEM = 0xD8, 0xD9, 0xDA, 0xDB, 0xC4, 0xCC, 0xDD, 0xDC, 0xFE, 0x01
_APP0, _APP1, _APP14, _APP15, _RST0, _RST7 = 0xE0, 0xE1, 0xEE, 0xEF, 0xD0, 0xD7
_BASELINE, _EXTENDED, _PROGRESSIVE, _ARITHMETIC, _ARITHMETIC_PROGRESSIVE = 0xC0, 0xC1, 0xC2, 0xC9, 0xCA
_PROGRESSIVES = (_PROGRESSIVE, _ARITHMETIC_PROGRESSIVE)
_ARITHMETICS = (_ARITHMETIC, _ARITHMETIC_PROGRESSIVE)
_LOSSLESS = 0xC3
_FRAME_MARKERS = {_LOSSLESS, _BASELINE, _EXTENDED, _PROGRESSIVE, _ARITHMETIC, _ARITHMETIC_PROGRESSIVE}
_OTHER_FRAME_MARKERS = {0xC5: "hierarchical", 0xC6: "hierarchical", 0xC7: "hierarchical", 0xCB: "lossless"}
_OTHER_FRAME_MARKERS |= {0xCD: "hierarchical", 0xCE: "hierarchical", 0xCF: "hierarchical", 0xF7: "JPEG-LS"}
_AFFECT_PIXELS = {_DQT, _DHT, _DAC, _DRI}
# Pillow's modes and raw modes by number of components. CMYK is stored inverted, as Adobe does.
_MODES = {1: ("L", "L"), 3: ("RGB", "RGB"), 4: ("CMYK", "CMYK;I")}
# Limits for malicious files: real ones have tens of segments, and at most 64 scans (jpegrescan).
_MOST_SEGMENTS, _MOST_SCANS, _MOST_STRAY = 1 << 14, 1 << 10, 1 << 20
_SCALES = (8, 4, 2)  # by which libjpeg can scale down while it decodes
_LARGEST_SIDE = 0xFFFF
_IDENTITY = f"{IDENTITY}:".encode()  # comments have no keyword
_DECODED_BY_FFMPEG = {_BASELINE, _EXTENDED, _PROGRESSIVE}

# In a scan, 0xFF before 0 is data (B.1.1.5), RST0 to RST7 divide the scan (B.2.1), and any other marker ends it.
_END_OF_SCAN = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")


@dataclass
class _Component:
    """A channel in the frame header (B.2.2)."""

    across: int  # sampling factors: the number of its blocks in an MCU, across and down
    down: int
    # The lowest bit of each coefficient that the scans so far contain (progressive: G.1.1.1.1), None before the first.
    lowest_bits: list[int | None] = field(default_factory=lambda: [None] * 64)


@dataclass(frozen=True)
class _Scan:
    """One scan: the segments before it that affect the pixels, its header (B.2.3), and its entropy-coded data."""

    before: list[bytes]
    head: bytes
    data: bytes

    @property
    def components(self) -> bytes:
        """The identifiers of its channels."""
        return self.head[5:-3:2]

    @property
    def tables(self) -> bytes:
        """The Huffman tables of each channel: the number of the DC table in the upper four bits, of the AC table below."""
        return self.head[6:-3:2]


@dataclass
class _Frame:
    """The frame header (B.2.2), and what has been read of the file so far."""

    marker: int = 0
    precision: int = 0
    width: int = 0
    height: int = 0
    channels: int = 0
    components: dict[int, _Component] = field(default_factory=dict)
    exif: bytes = b""
    xmp: bytes = b""
    restart_interval: int = 0
    pending: list[bytes] = field(default_factory=list)  # segments for the next scan
    scans: list[_Scan] = field(default_factory=list)

    @property
    def is_plain(self) -> bool:
        """Whether scans hold coefficients and channels have different identifiers. libjpeg also reads other files."""
        return self.marker != _LOSSLESS and len(self.components) == self.channels

    @property
    def orientation(self) -> int:
        return orientation.of_exif_or_xmp(self.exif, self.xmp)


def decode_jpeg(data: bytes, at_least: int | None = None) -> ByteArray:
    """Decode to (height, width, 1 or 3) uint8, without applying the orientation.

    With `at_least`, scaled down by 2, 4 or 8 if the longest side stays at least that many pixels. Raises ValueError for a
    file that is damaged or not supported.
    """
    frame, stripped = _parse(data)
    mode, raw_mode = _MODES[frame.channels]
    longest = max(frame.width, frame.height)
    scale = next((scale for scale in _SCALES if at_least and longest // scale >= at_least), 1)
    size = -(-frame.width // scale), -(-frame.height // scale)
    # Image.open would read metadata, and pad with black if another pack has set LOAD_TRUNCATED_IMAGES.
    image = Image.frombytes(mode, size, stripped, "jpeg", raw_mode, "", scale, 0)
    _require_undamaged(frame, stripped)
    pixels = np.asarray(image.convert("RGB") if mode == "CMYK" else image)
    return pixels.reshape(*pixels.shape[:2], -1)


def encode_jpeg(pixels: ByteArray, quality: int, comment: bytes = b"") -> bytes:
    """Encode (height, width, 1 or 3) uint8 with `quality` 1 to 100, optimized Huffman tables and 4:2:0 subsampling.

    The Dream pack uses the same settings, so files are no larger than its own. The comment follows the JFIF header, which
    must be the first segment.
    """
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    try:
        return _saved(image, quality=quality, comment=comment, optimize=True)
    except OSError:
        # To optimize tables, libjpeg needs a buffer for the whole file. Pillow gives it one byte per pixel below quality
        # 95 and two from there on, which is too little for colour noise. Standard tables work with any buffer, and noise
        # does not gain from optimized ones.
        return _saved(image, quality=quality, comment=comment)


def _saved(image: Image.Image, **options: Any) -> bytes:
    """The bytes of a JPEG file. On Linux, several threads can write at once.

    Pillow holds Python's lock unless it writes to a file of the system by itself (encode.c, `_encode_to_file`): two threads
    write 1.9 times as many files as one then, and otherwise 1.0 times as many. The file is in memory, because Pillow does not
    notice when a full disk takes a part of what it writes.
    """
    if hasattr(os, "memfd_create"):
        try:
            with open(os.memfd_create("image_sequence"), "w+b", buffering=0) as file:
                image.save(file, "JPEG", **options)
                file.seek(0)
                data: bytes = file.read()
            if data.endswith(_END):  # a limit on the size of files (setrlimit) counts here, too
                return data
        except OSError as error:
            if error.errno is None:  # libjpeg's error, not one of the system
                raise
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def decode_block(stream: bytes, tables: bytes, is_ycbcr: bool, size: tuple[int, int, int]) -> ByteArray:
    """Decode a JPEG stream inside another format (TIFF) to (height, width, channels). Raises ValueError if it is damaged.

    tables: an abbreviated stream with the tables (B.5), or empty
    is_ycbcr: whether the other format declares YCbCr, which is converted to RGB; other channels are returned as stored
    size: the width, the largest possible height, and the number of channels (1, 3 or 4)
    """
    if tables.endswith(_END) and stream.startswith(b"\xff\xd8"):
        stream = tables[:-2] + stream[2:]
    frame, stripped = _parse(stream)
    width, height, channels = size
    if frame.width != width or frame.height > height or frame.channels != channels:
        declared = f"{frame.width} x {frame.height} pixels with {frame.channels} channels"
        raise ValueError(f"a strip or tile declares {declared}, not {width} x {height} with {channels}")
    mode = _MODES[channels][0]
    stored_mode = "YCbCr" if is_ycbcr and channels == 3 else mode
    image = Image.frombytes(mode, (width, frame.height), stripped, "jpeg", mode, stored_mode, 1, 0)
    _require_undamaged(frame, stripped)
    return np.asarray(image).reshape(frame.height, width, channels)


def _require_undamaged(frame: _Frame, data: bytes) -> None:
    """Raise ValueError if FFmpeg detects damage in `data`. Varieties that FFmpeg does not support are not checked."""
    if frame.marker not in _DECODED_BY_FFMPEG or not frame.is_plain:
        return
    probe = _Probe.of(frame)
    if probe is None:
        _decode_by_ffmpeg(data)
    elif probe.finds_damage():
        raise ValueError("its compressed data are damaged")


def _decode_by_ffmpeg(data: bytes) -> av.VideoFrame | None:
    """The picture, or None if FFmpeg does not support the variety. Raises ValueError for any damage that it detects."""
    decoder = av.CodecContext.create("mjpeg", "r")
    decoder.thread_count = 1  # frames are decoded in parallel already
    decoder.options = {"err_detect": "explode"}
    try:
        frames = decoder.decode(av.Packet(data)) or decoder.decode(None)
    except av.error.InvalidDataError:
        raise ValueError("its compressed data are damaged") from None
    except av.error.FFmpegError:  # PatchWelcomeError and its like
        return None
    return frames[0] if frames else None


@dataclass(frozen=True)
class _Probe:
    """Detects damage in a single sequential scan: appends a row of flat blocks and checks that it decodes to flat blocks.

    Damaged data usually decode without an error, but to more or fewer blocks than the picture has, so that decoding does
    not end where the data end. Neither libjpeg (in Pillow) nor FFmpeg reports that. Appended blocks decode correctly only
    if they start where the last block ends; otherwise they become noise.
    """

    before: bytes  # everything up to the scan, with the height increased by one row of MCUs
    scan: bytes
    row: str  # the bits of the appended row
    rows: int  # of MCUs, including the appended one

    @classmethod
    def of(cls, frame: _Frame) -> _Probe | None:
        """None if the file has several scans or restart markers, or if its tables have no code for a flat block."""
        if (
            len(frame.scans) > 1
            or frame.marker in _PROGRESSIVES
            or frame.restart_interval
            or len(frame.components) == 4
        ):
            return None
        scan, count = frame.scans[0], len(frame.components)
        down = max(component.down for component in frame.components.values()) if count > 1 else 1
        rows = -(-frame.height // (8 * down)) + 1
        if 8 * down * rows > _LARGEST_SIDE:
            return None
        codes, mcu = _huffman_codes(scan.before), ""
        for identifier, tables in zip(scan.components, scan.tables):
            component = frame.components[identifier]
            no_difference, end_of_block = codes.get((0, tables >> 4, 0)), codes.get((1, tables & 15, 0))
            if no_difference is None or end_of_block is None:
                return None
            mcu += (no_difference + end_of_block) * (component.across * component.down if count > 1 else 1)
        mcus, _ = _mcus(frame, list(frame.components.values()))
        before = b"".join(
            piece[:5] + struct.pack(">H", 8 * down * rows) + piece[7:] if piece[1] == frame.marker else piece
            for piece in (b"\xff\xd8", *scan.before, scan.head)
        )
        return cls(before, scan.data.rstrip(b"\xff"), mcu * (mcus // (rows - 1)), rows)

    def finds_damage(self) -> bool:
        """Whether the appended row is not flat in every plane. False if FFmpeg does not support the file.

        The number of bits that pad the last byte is unknown. It is at most the number of equal bits at its end: ones
        according to F.1.2.3, in some files zeros. The most likely number is tried first.
        """
        for scan in dict.fromkeys((self.scan, self.scan.rstrip(b"\0"))):  # some cameras append zeros
            is_stuffed = scan.endswith((b"\xff\0", b"\xff"))
            body = scan[: scan.rindex(b"\xff")] if is_stuffed else scan[:-1]
            last = "1" * 8 if is_stuffed else "".join(f"{byte:08b}" for byte in scan[-1:])
            equal_bits = len(last) - len(last.rstrip(last[-1:]))
            if any(self._is_flat(body, last[: len(last) - padding]) for padding in range(min(equal_bits, 7), -1, -1)):
                return False
        return True

    def _is_flat(self, body: bytes, last_bits: str) -> bool:
        """Whether the row is flat if it is appended to `body` and `last_bits`, the used bits of the last byte."""
        bits = last_bits + self.row
        bits += "1" * (-len(bits) % 8)
        row = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
        try:
            picture = _decode_by_ffmpeg(b"".join((self.before, body, row, _END)))
        except ValueError:
            return False
        for plane in picture.planes if picture else ():
            lines = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
            appended = lines[: plane.height, : plane.width][-(plane.height // self.rows) :]
            if appended.min() != appended.max():
                return False
        return True


def _huffman_codes(segments: list[bytes]) -> dict[tuple[int, int, int], str]:
    """(class, table, symbol) -> its code as bits (B.2.4.2, C.2). A later definition of a table replaces an earlier one."""
    codes: dict[tuple[int, int, int], str] = {}
    for segment in segments:
        at, code = 4, 0
        while segment[1] == _DHT and at + 17 <= len(segment):
            table, counts = (segment[at] >> 4, segment[at] & 15), segment[at + 1 : at + 17]
            codes = {key: bits for key, bits in codes.items() if key[:2] != table}
            at, code = at + 17, 0
            for length, count in enumerate(counts, 1):
                for symbol in segment[at : at + count]:
                    codes[(*table, symbol)] = f"{code:0{length}b}"[-length:]
                    code += 1
                at, code = at + count, code << 1
    return codes


def _read_headers(file: IO[bytes]) -> _Frame:
    """Read everything before the header of the first scan, where `file` is left. Raises ValueError if it is invalid."""
    file.seek(0)
    if file.read(2) != _SIGNATURE[:2]:
        raise ValueError("it does not start like a JPEG file")
    frame = _Frame()
    for _ in range(_MOST_SEGMENTS):
        marker = _next_marker(file)
        if marker == _SOS:
            if not frame.components:
                raise ValueError("it has a scan before its frame header")
            return frame
        if marker == _EOI:
            raise ValueError("it has no picture")
        if _RST0 <= marker <= _RST7 or marker == _TEM:
            continue
        _add_segment(frame, marker, _read_segment(file, marker))
    raise ValueError(f"it has more than {_MOST_SEGMENTS:,} segments before its first scan")


def _next_marker(file: IO[bytes]) -> int:
    """The next marker. Skips stray bytes, as libjpeg and Pillow do, and repeated 0xFF, which is fill."""
    byte, skipped = file.read(1), 0
    while byte:
        follows_prefix = byte == b"\xff"
        byte = file.read(1)
        if follows_prefix and byte not in (b"", b"\0", b"\xff"):
            return byte[0]
        skipped += 1
        if skipped > _MOST_STRAY:
            raise ValueError(f"it has more than {_MOST_STRAY:,} bytes outside of its segments")
    raise ValueError("it is truncated")


def _read_segment(file: IO[bytes], marker: int) -> bytes:
    """The contents of a segment (B.1.1.4). For metadata, a length below 2 counts as 2, as in libjpeg."""
    head = file.read(2)
    length = struct.unpack(">H", head)[0] - 2 if len(head) == 2 else -1
    if len(head) == 2 and (marker == _COM or _APP0 <= marker <= _APP15):
        length = max(0, length)
    contents = file.read(max(0, length))
    if length < 0 or len(contents) < length:
        raise ValueError("it ends inside a segment")
    return contents


def _add_segment(frame: _Frame, marker: int, contents: bytes) -> None:
    """Record the contents of a segment in `frame`, and the segment itself if it affects the pixels."""
    if marker in _FRAME_MARKERS:
        if frame.components:
            raise ValueError("it has two frame headers")
        _add_frame_header(frame, marker, contents)
    elif marker in _OTHER_FRAME_MARKERS:
        raise UnsupportedFileError(f"it is a {_OTHER_FRAME_MARKERS[marker]} JPEG file, which is not supported")
    elif marker == _DRI:
        if len(contents) != 2:
            raise ValueError(f"its restart interval has {len(contents)} bytes, not 2")
        frame.restart_interval = struct.unpack(">H", contents)[0]
    elif _APP0 <= marker <= _APP15 or marker in (_COM, _DNL):
        if not _declares_colours(marker, contents):
            _add_metadata(frame, marker, contents)
            return
    elif marker not in _AFFECT_PIXELS:
        raise ValueError(f"it has an unexpected marker FF{marker:02X}")
    frame.pending.append(struct.pack(">BBH", 0xFF, marker, len(contents) + 2) + contents)


def _add_metadata(frame: _Frame, marker: int, contents: bytes) -> None:
    if marker == _APP1 and contents.startswith(b"Exif\0"):
        frame.exif += contents[6:]  # large blocks continue in the next segment
    elif marker == _APP1 and contents.startswith(b"http://ns.adobe.com/xap/"):
        frame.xmp = frame.xmp or contents


def _declares_colours(marker: int, contents: bytes) -> bool:
    """Whether libjpeg derives the colour space from this segment. It ignores shorter JFIF and Adobe segments."""
    if marker == _APP14:
        return contents.startswith(b"Adobe") and len(contents) >= 12
    return marker == _APP0 and contents.startswith(b"JFIF\0") and len(contents) >= 14


def _add_frame_header(frame: _Frame, marker: int, contents: bytes) -> None:
    """Record a frame header (B.2.2). Raises ValueError if it is invalid, UnsupportedFileError if it is not supported."""
    if len(contents) < 6 or len(contents) != 6 + 3 * contents[5]:
        raise ValueError(f"its frame header has {len(contents)} bytes")
    frame.marker = marker
    frame.precision, frame.height, frame.width, channels = struct.unpack_from(">BHHB", contents)
    if frame.precision != 8:
        raise UnsupportedFileError(f"it is a JPEG file with {frame.precision} bits per sample, which is not supported")
    if channels not in _MODES:
        raise UnsupportedFileError(f"it is a JPEG file with {channels} channels, which is not supported")
    if not frame.width or not frame.height:
        raise ValueError(f"its header declares {frame.width} x {frame.height} pixels")
    for identifier, factors, _ in struct.iter_unpack(">BBB", contents[6:]):
        across, down = factors >> 4, factors & 15
        if not (1 <= across <= 4 and 1 <= down <= 4):
            raise ValueError(f"its sampling factors {across} x {down} are invalid")
        frame.components[identifier] = _Component(across, down)
    frame.channels = channels


def _parse(data: bytes) -> tuple[_Frame, bytes]:
    """Check all markers. Returns the frame, and the file from SOI to EOI without metadata.

    Raises ValueError if the file is truncated or a scan is missing.
    """
    file = io.BytesIO(data)
    frame = _read_headers(file)
    marker, segments = _SOS, 0
    while marker != _EOI:
        segments += 1
        if segments > _MOST_SEGMENTS or len(frame.scans) > _MOST_SCANS:
            raise ValueError(f"it has more than {_MOST_SCANS:,} scans or {_MOST_SEGMENTS:,} segments")
        if marker == _SOS:
            head = _read_segment(file, marker)
            start = file.tell()
            end_marker = _END_OF_SCAN.search(data, start)
            if end_marker is None:
                raise ValueError("it is truncated")
            end = end_marker.start()
            _check_scan(frame, head, _RESTART.findall(data, start, end), end - start)
            head = struct.pack(">BBH", 0xFF, _SOS, len(head) + 2) + head
            frame.scans.append(_Scan(frame.pending, head, data[start:end]))
            frame.pending = []
            file.seek(end)
        else:
            _add_segment(frame, marker, _read_segment(file, marker))
        marker = _next_marker(file)
    _require_all_coefficients(frame)
    pieces = [piece for scan in frame.scans for piece in (*scan.before, scan.head, scan.data)]
    return frame, b"".join([b"\xff\xd8", *pieces, _END])


def _check_scan(frame: _Frame, head: bytes, restarts: list[bytes], length: int) -> None:
    """Record which coefficients a scan of `length` bytes contains.

    Raises ValueError if its header (B.2.3), its restart markers or its length are invalid.
    """
    if len(head) < 4 or len(head) != 4 + 2 * head[0]:
        raise ValueError(f"the header of a scan has {len(head)} bytes")
    if not frame.is_plain:
        return
    identifiers = head[1:-3:2]
    if not identifiers or len(set(identifiers)) != len(identifiers) or not set(identifiers) <= set(frame.components):
        raise ValueError("a scan has channels that the picture does not have")
    scanned = [frame.components[identifier] for identifier in identifiers]
    is_progressive = frame.marker in _PROGRESSIVES
    first, last, bits = (head[-3], head[-2], head[-1]) if is_progressive else (0, 63, 0)
    if first > last or last > 63:
        raise ValueError(f"a scan has coefficients {first} to {last}, which is invalid")
    for component in scanned:
        component.lowest_bits[first : last + 1] = [bits & 15] * (last + 1 - first)
    mcus, blocks = _mcus(frame, scanned)
    _check_restarts(frame.restart_interval, mcus, restarts)
    # Each block has a code for its mean and, unless it is progressive, one for the rest. A code has at least one bit.
    least = mcus * blocks * (1 if is_progressive else 2) // 8
    if first == 0 and frame.marker not in _ARITHMETICS and length < least:
        raise ValueError(f"a scan has {length:,} bytes; {frame.width} x {frame.height} pixels need at least {least:,}")


def _mcus(frame: _Frame, scanned: list[_Component]) -> tuple[int, int]:
    """The number of MCUs in a scan of these channels, and of blocks in each MCU (A.2)."""
    across = max(component.across for component in frame.components.values())
    down = max(component.down for component in frame.components.values())
    if len(scanned) == 1:  # A.2.2: an MCU is one block
        columns = -(-frame.width * scanned[0].across // (8 * across))
        rows = -(-frame.height * scanned[0].down // (8 * down))
        return columns * rows, 1
    mcus = -(-frame.width // (8 * across)) * -(-frame.height // (8 * down))
    return mcus, sum(component.across * component.down for component in scanned)


def _check_restarts(interval: int, mcus: int, restarts: list[bytes]) -> None:
    """Raise ValueError unless there is a restart marker every `interval` MCUs, numbered 0 to 7 in turn (B.2.1, E.1.4).

    Where one is missing, libjpeg guesses.
    """
    expected = -(-mcus // interval) - 1 if interval else 0
    if len(restarts) not in (expected, expected + 1):  # one more after the last MCU is harmless
        raise ValueError(f"a scan has {len(restarts)} restart markers instead of {expected}")
    if any(restart[1] != _RST0 + place % 8 for place, restart in enumerate(restarts)):
        raise ValueError("the restart markers of a scan are out of order")


def _require_all_coefficients(frame: _Frame) -> None:
    """Raise ValueError if a scan is missing, as in a truncated file that was given an end marker."""
    for component in frame.components.values() if frame.is_plain else ():
        if any(component.lowest_bits):
            raise ValueError("its last scans are missing: the picture would be blurred")
        if None in component.lowest_bits:
            raise ValueError("a scan is missing, with a whole channel or its details")


class _Jpeg(Format[None]):
    name = "JPG"
    extensions = (".jpg", ".jpeg")
    signatures = (_SIGNATURE,)
    media_type = "image/jpeg"
    depths = (np.uint8,)
    channels = (1, 3)
    largest_side = 65500  # JPEG_MAX_DIMENSION of libjpeg (jmorecfg.h); the format itself has 16 bits (B.2.2)

    def read_header(self, file: IO[bytes]) -> Header[None]:
        frame = _read_headers(file)
        stored = Stored(1 if frame.channels == 1 else 3, frame.precision)
        return Header(
            (Extent(frame.width, frame.height),), None, stored, may_have_alpha=False, orientation=frame.orientation
        )

    def decode(self, data: bytes, header: Header[None], at_least: int | None = None) -> Pixels:
        return decode_jpeg(data, at_least)

    def read_identity(self, file: IO[bytes]) -> str | None:
        """The first comment that is one, before the frame header."""
        file = io.BytesIO(file.read(IDENTITY_BYTES))
        file.seek(2)
        while (marker := _next_marker(file)) == _COM or _APP0 <= marker <= _APP15:
            contents = _read_segment(file, marker)
            if marker == _COM and contents.startswith(_IDENTITY):
                return contents.removeprefix(_IDENTITY).decode("ascii")
        return None

    def is_whole(self, file: IO[bytes]) -> bool:
        """Whether all markers and scans up to the end of the image are present and in order.

        Reads the whole file, because only the data show where a scan ends: 1 ms per megabyte. Bytes after the end of the
        image are ignored: cameras, phones and MPO files append data.
        """
        file.seek(0)
        try:
            _parse(file.read())
        except ValueError:
            return False
        return True

    def _encode(
        self, pixels: AnyPixels, text: Mapping[str, str], quality: int | None, threads: int, extras: Extras
    ) -> bytes:
        if quality is None:
            raise ValueError("JPG files are always lossy: they need a quality.")
        return encode_jpeg(pixels, quality, _IDENTITY + extras.identity.encode("ascii") if extras.identity else b"")


JPEG = _Jpeg()
