"""JPEG files. Read: what the file says is read here, the pixels are libjpeg's, and FFmpeg says whether they are damaged.

Sections and tables are those of ITU-T T.81 (1992). libjpeg, in Pillow, fills up what it cannot decode and only warns, and
Pillow drops its warnings; so a file is checked here first, as far as its markers tell, and FFmpeg decodes the rest of it a
second time with every complaint taken for an error. FFmpeg alone misses most damage: of 60 photographs with a hole of 256
zeros it refused 5, libjpeg warned of 43 to 60. With the probe below it is 40 to 60, and no sound file of 163 from cameras was
refused. It costs a megapixel 4 to 6 ms of CPU, as much again as libjpeg.

libjpeg is shown a file without metadata: only the segments that have a part in the pixels. So none of the others, however
broken, decides about them, and no second picture (MPO, thumbnails) is ever looked at.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import UnreadKindError
from . import orientation
from .base import Extent, Format, Header, Pixels

_SIGNATURE = b"\xff\xd8\xff"  # SOI, and the start of any other marker: table B.1

_SOI, _EOI, _SOS, _DQT, _DHT, _DAC, _DRI, _DNL, _COM, _TEM = 0xD8, 0xD9, 0xDA, 0xDB, 0xC4, 0xCC, 0xDD, 0xDC, 0xFE, 0x01
_APP0, _APP1, _APP14, _APP15, _RST0, _RST7 = 0xE0, 0xE1, 0xEE, 0xEF, 0xD0, 0xD7
_BASELINE, _EXTENDED, _PROGRESSIVE, _ARITHMETIC, _ARITHMETIC_PROGRESSIVE = 0xC0, 0xC1, 0xC2, 0xC9, 0xCA
_PROGRESSIVES = (_PROGRESSIVE, _ARITHMETIC_PROGRESSIVE)
_ARITHMETICS = (_ARITHMETIC, _ARITHMETIC_PROGRESSIVE)
_LOSSLESS = 0xC3
_FRAMES = {_LOSSLESS, _BASELINE, _EXTENDED, _PROGRESSIVE, _ARITHMETIC, _ARITHMETIC_PROGRESSIVE}
_OTHER_FRAMES = {0xC5: "hierarchical", 0xC6: "hierarchical", 0xC7: "hierarchical", 0xCB: "lossless"}
_OTHER_FRAMES |= {0xCD: "hierarchical", 0xCE: "hierarchical", 0xCF: "hierarchical", 0xF7: "JPEG-LS"}
_FOR_PIXELS = {_DQT, _DHT, _DAC, _DRI}
# Pillow's modes and raw modes by number of components. CMYK is stored inverted, as Adobe does.
_MODES = {1: ("L", "L"), 3: ("RGB", "RGB"), 4: ("CMYK", "CMYK;I")}
# Limits for files made to be slow: real ones have tens of segments, and of scans (jpegrescan) 64 at most.
_MOST_SEGMENTS, _MOST_SCANS, _MOST_STRAY = 1 << 14, 1 << 10, 1 << 20
_SCALES = (8, 4, 2)  # what libjpeg shrinks by while it decodes
_LARGEST_SIDE = 0xFFFF
_FFMPEG = {_BASELINE, _EXTENDED, _PROGRESSIVE}

# Markers in a scan: 0xFF is data if 0 follows (B.1.1.5), RST0 to RST7 part the scan (B.2.1), and any other ends it.
_END_OF_SCAN = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")


@dataclass
class _Component:
    """Of the frame header, B.2.2: how many of its blocks are in an MCU, across and down."""

    across: int
    down: int
    # Of each coefficient, the lowest bit that a scan has brought so far (progressive: G.1.1.1.1); None: nothing yet.
    bits: list[int | None] = field(default_factory=lambda: [None] * 64)


@dataclass(frozen=True)
class _Scan:
    """One scan: the segments before it that have a part in the pixels, its header (B.2.3), and its data.

    `numbers` and `tables`: of its channels, and of their Huffman tables (DC and AC, four bits each).
    """

    before: list[bytes]
    head: bytes
    data: bytes

    @property
    def numbers(self) -> bytes:
        return self.head[5:-3:2]

    @property
    def tables(self) -> bytes:
        return self.head[6:-3:2]


@dataclass
class _Frame:
    """What the frame header says (B.2.2), and what stands before the first scan."""

    marker: int = 0
    precision: int = 0
    width: int = 0
    height: int = 0
    count: int = 0
    components: dict[int, _Component] = field(default_factory=dict)
    exif: bytes = b""
    xmp: bytes = b""
    restart_interval: int = 0
    kept: list[bytes] = field(default_factory=list)
    scans: list[_Scan] = field(default_factory=list)

    @property
    def is_plain(self) -> bool:
        """Are its scans made of coefficients, of channels that are told apart by their numbers? libjpeg reads others too."""
        return self.marker != _LOSSLESS and len(self.components) == self.count

    @property
    def orientation(self) -> int:
        return orientation.of_exif_or_xmp(self.exif, self.xmp)


def decode_jpeg(data: bytes, at_least: int | None = None) -> NDArray[np.uint8]:
    """(H, W, C) uint8, C = 1 or 3, not turned. ValueError for a file that is damaged or not read.

    With `at_least` it may be smaller by 2, 4 or 8, its longest side no shorter than that.
    """
    frame, cleaned = _parsed(data)
    mode, raw_mode = _MODES[frame.count]
    longest = max(frame.width, frame.height)
    scale = next((scale for scale in _SCALES if at_least and longest // scale >= at_least), 1)
    size = -(-frame.width // scale), -(-frame.height // scale)
    # Not by Image.open, which reads metadata, and fills up with black once another pack has set LOAD_TRUNCATED_IMAGES.
    image = Image.frombytes(mode, size, cleaned, "jpeg", raw_mode, "", scale, 0)
    _require_undamaged(frame, cleaned)
    pixels = np.asarray(image.convert("RGB") if mode == "CMYK" else image)
    return pixels.reshape(*pixels.shape[:2], -1)


def encode_jpeg(pixels: NDArray[np.uint8], quality: int) -> bytes:
    """The bytes of a JPEG file. `pixels`: (H, W, C) uint8, C = 1 or 3; `quality`: 1 to 100.

    With optimized Huffman tables and 4:2:0, as the Dream pack writes them: files are no larger than its own.
    """
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    buffer = io.BytesIO()
    try:
        image.save(buffer, "JPEG", quality=quality, optimize=True)
    except OSError:
        # For optimized tables libjpeg needs its whole buffer at once: Pillow gives it one byte per pixel below quality 95, and
        # two from there on. Colour noise needs more. Plain tables need a small buffer only, and noise gains nothing by
        # optimized ones.
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def decode_block(stream: bytes, tables: bytes, is_ycbcr: bool, size: tuple[int, int, int]) -> NDArray[np.uint8]:
    """(H, W, C) of a JPEG stream inside another format, whose tables may stand elsewhere. ValueError if damaged.

    The other format says what the colours are: YCbCr becomes RGB, other channels (1, 3 or 4) stay what they are.
    `tables`: an abbreviated stream (B.5), or nothing. `size`: width, the height at most, and how many channels.
    """
    if tables.endswith(b"\xff\xd9") and stream.startswith(b"\xff\xd8"):
        stream = tables[:-2] + stream[2:]
    frame, cleaned = _parsed(stream)
    width, height, count = size
    if frame.width != width or frame.height > height or frame.count != count:
        said = f"{frame.width} x {frame.height} pixels of {frame.count} channels"
        raise ValueError(f"a strip or tile says that it has {said}, not {width} x {height} of {count}")
    mode = _MODES[count][0]
    stored = "YCbCr" if is_ycbcr and count == 3 else mode
    image = Image.frombytes(mode, (width, frame.height), cleaned, "jpeg", mode, stored, 1, 0)
    _require_undamaged(frame, cleaned)
    return np.asarray(image).reshape(frame.height, width, count)


def _require_undamaged(frame: _Frame, data: bytes) -> None:
    """ValueError if FFmpeg finds damage in `data`. Kinds of JPEG that it does not know it cannot judge."""
    if frame.marker not in _FFMPEG or not frame.is_plain:
        return
    probe = _Probe.of(frame)
    if probe is None:
        _by_ffmpeg(data)
    elif not probe.is_reached():
        raise ValueError("its compressed data are damaged")


def _by_ffmpeg(data: bytes) -> av.VideoFrame | None:
    """The picture, or None of a kind that FFmpeg does not know. ValueError for any damage that it notices."""
    decoder = av.CodecContext.create("mjpeg", "r")
    decoder.thread_count = 1  # frames are decoded side by side already
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
    """A file of one sequential scan, continued by a row of blocks as even as its last one: do they come out even?

    Damage inside a scan mostly decodes to something, but to more or fewer blocks than there are: the scan does not end
    where its data do. Neither libjpeg (in Pillow) nor FFmpeg say so. If it ends there, what is put behind it is read as
    it is meant; if not, it comes out as noise.

    `before`: all up to the scan, with a height of one row of MCUs more; `row`: the bits of that row; `rows`: of MCUs.
    """

    before: bytes
    scan: bytes
    row: str
    rows: int

    @classmethod
    def of(cls, frame: _Frame) -> _Probe | None:
        """None where this cannot be done: several scans, restart markers, tables without a code for an even block."""
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
        codes, unit = _huffman_codes(scan.before), ""
        for number, tables in zip(scan.numbers, scan.tables):
            component = frame.components[number]
            mean, end = codes.get((0, tables >> 4, 0)), codes.get((1, tables & 15, 0))  # no difference; end of block
            if mean is None or end is None:
                return None
            unit += (mean + end) * (component.across * component.down if count > 1 else 1)
        units, _ = _units(frame, list(frame.components.values()))
        before = b"".join(
            piece[:5] + struct.pack(">H", 8 * down * rows) + piece[7:] if piece[1] == frame.marker else piece
            for piece in (b"\xff\xd8", *scan.before, scan.head)
        )
        return cls(before, scan.data.rstrip(b"\xff"), unit * (units // (rows - 1)), rows)

    def is_reached(self) -> bool:
        """Is the last row even in every plane, or the file of a kind that FFmpeg does not know?

        How many bits fill up the last byte is not told: at most as many as are alike at its end, ones by the rules
        (F.1.2.3), sometimes zeros. The likeliest number is tried first.
        """
        for scan in dict.fromkeys((self.scan, self.scan.rstrip(b"\0"))):  # some cameras put zeros behind it
            is_stuffed = scan.endswith((b"\xff\0", b"\xff"))
            body = scan[: scan.rindex(b"\xff")] if is_stuffed else scan[:-1]
            last = "1" * 8 if is_stuffed else "".join(f"{byte:08b}" for byte in scan[-1:])
            alike = len(last) - len(last.rstrip(last[-1:]))
            if any(self._is_even(body, last[: len(last) - fill]) for fill in range(min(alike, 7), -1, -1)):
                return True
        return False

    def _is_even(self, body: bytes, last_bits: str) -> bool:
        bits = last_bits + self.row
        bits += "1" * (-len(bits) % 8)
        row = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
        try:
            picture = _by_ffmpeg(b"".join((self.before, body, row, b"\xff\xd9")))
        except ValueError:
            return False
        for plane in picture.planes if picture else ():
            lines = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[
                : plane.height, : plane.width
            ]
            added = lines[-(plane.height // self.rows) :]
            if added.min() != added.max():
                return False
        return True


def _huffman_codes(segments: list[bytes]) -> dict[tuple[int, int, int], str]:
    """(class, table, symbol) -> its code as bits: B.2.4.2, C.2. Of tables that are defined twice the last one."""
    codes: dict[tuple[int, int, int], str] = {}
    for segment in segments:
        at, code = 4, 0
        while segment[1] == _DHT and at + 17 <= len(segment):
            where, counts = segment[at], segment[at + 1 : at + 17]
            codes = {key: bits for key, bits in codes.items() if key[:2] != (where >> 4, where & 15)}
            at, code = at + 17, 0
            for length, count in enumerate(counts, 1):
                for symbol in segment[at : at + count]:
                    codes[where >> 4, where & 15, symbol] = f"{code:0{length}b}"[-length:]
                    code += 1
                at, code = at + count, code << 1
    return codes


def _headers(file: IO[bytes]) -> _Frame:
    """All up to the header of the first scan, where `file` is left."""
    file.seek(0)
    if file.read(2) != _SIGNATURE[:2]:
        raise ValueError("it does not begin as a JPEG file")
    frame = _Frame()
    for _ in range(_MOST_SEGMENTS):
        marker = _marker(file)
        if marker == _SOS:
            if not frame.components:
                raise ValueError("it has a scan before its frame header")
            return frame
        if marker == _EOI:
            raise ValueError("it has no picture")
        if _RST0 <= marker <= _RST7 or marker == _TEM:
            continue
        _take(frame, marker, _segment(file, marker))
    raise ValueError(f"it has more than {_MOST_SEGMENTS:,} segments before its first scan")


def _marker(file: IO[bytes]) -> int:
    """The next marker. Bytes that do not belong to any are passed over, as libjpeg and Pillow do; more 0xFF is fill."""
    byte, passed_over = file.read(1), 0
    while byte:
        follows_fill = byte == b"\xff"
        byte = file.read(1)
        if follows_fill and byte not in (b"", b"\0", b"\xff"):
            return byte[0]
        passed_over += 1
        if passed_over > _MOST_STRAY:
            raise ValueError(f"it has more than {_MOST_STRAY:,} bytes that belong to nothing")
    raise ValueError("it ends before its image does")


def _segment(file: IO[bytes], marker: int) -> bytes:
    """What follows a marker, without its length (B.1.1.4). Of metadata a length below 2 is taken for 2, as in libjpeg."""
    head = file.read(2)
    length = struct.unpack(">H", head)[0] - 2 if len(head) == 2 else -1
    if len(head) == 2 and (marker == _COM or _APP0 <= marker <= _APP15):
        length = max(0, length)
    contents = file.read(max(0, length))
    if length < 0 or len(contents) < length:
        raise ValueError("it ends inside a segment")
    return contents


def _take(frame: _Frame, marker: int, contents: bytes) -> None:
    """Note what one segment says, and keep it if pixels depend on it."""
    if marker in _FRAMES:
        if frame.components:
            raise ValueError("it has two frame headers")
        _take_frame(frame, marker, contents)
    elif marker in _OTHER_FRAMES:
        raise UnreadKindError(f"it is a {_OTHER_FRAMES[marker]} JPEG file, which is not read")
    elif marker == _DRI:
        if len(contents) != 2:
            raise ValueError(f"its restart interval has {len(contents)} bytes, not 2")
        frame.restart_interval = struct.unpack(">H", contents)[0]
    elif _APP0 <= marker <= _APP15 or marker in (_COM, _DNL):
        if not _says_colours(marker, contents):
            _take_metadata(frame, marker, contents)
            return
    elif marker not in _FOR_PIXELS:
        raise ValueError(f"it has a marker FF{marker:02X} where none may be")
    frame.kept.append(struct.pack(">BBH", 0xFF, marker, len(contents) + 2) + contents)


def _take_metadata(frame: _Frame, marker: int, contents: bytes) -> None:
    if marker == _APP1 and contents.startswith(b"Exif\0"):
        frame.exif += contents[6:]  # large ones go on in the next segment
    elif marker == _APP1 and contents.startswith(b"http://ns.adobe.com/xap/"):
        frame.xmp = frame.xmp or contents


def _says_colours(marker: int, contents: bytes) -> bool:
    """Does libjpeg learn from this segment what the colours are? Of JFIF and Adobe it takes none that is shorter."""
    if marker == _APP14:
        return contents.startswith(b"Adobe") and len(contents) >= 12
    return marker == _APP0 and contents.startswith(b"JFIF\0") and len(contents) >= 14


def _take_frame(frame: _Frame, marker: int, contents: bytes) -> None:
    if len(contents) < 6 or len(contents) != 6 + 3 * contents[5]:
        raise ValueError(f"its frame header has {len(contents)} bytes")
    frame.marker = marker
    frame.precision, frame.height, frame.width, count = struct.unpack_from(">BHHB", contents)
    if frame.precision != 8:
        raise UnreadKindError(f"it is a JPEG file of {frame.precision} bits a sample, which is not read")
    if count not in _MODES:
        raise UnreadKindError(f"it is a JPEG file of {count} channels, which is not read")
    if not frame.width or not frame.height:
        raise ValueError(f"it says that it has {frame.width} x {frame.height} pixels")
    for number, factors, _ in struct.iter_unpack(">BBB", contents[6:]):
        across, down = factors >> 4, factors & 15
        if not (1 <= across <= 4 and 1 <= down <= 4):
            raise ValueError(f"its sampling factors {across} x {down} are invalid")
        frame.components[number] = _Component(across, down)
    frame.count = count


def _parsed(data: bytes) -> tuple[_Frame, bytes]:
    """(what it says, its segments from SOI to EOI without metadata). ValueError if anything of it is missing."""
    file = io.BytesIO(data)
    frame = _headers(file)
    marker, segments = _SOS, 0
    while marker != _EOI:
        segments += 1
        if segments > _MOST_SEGMENTS or len(frame.scans) > _MOST_SCANS:
            raise ValueError(f"it has more than {_MOST_SCANS:,} scans or {_MOST_SEGMENTS:,} segments")
        if marker == _SOS:
            head = _segment(file, marker)
            start = file.tell()
            found = _END_OF_SCAN.search(data, start)
            if found is None:
                raise ValueError("it ends before its image does")
            _take_scan(frame, head, _RESTART.findall(data, start, found.start()), found.start() - start)
            head = struct.pack(">BBH", 0xFF, _SOS, len(head) + 2) + head
            frame.scans.append(_Scan(frame.kept, head, data[start : found.start()]))
            frame.kept = []
            file.seek(found.start())
        else:
            _take(frame, marker, _segment(file, marker))
        marker = _marker(file)
    _require_all_coefficients(frame)
    pieces = [piece for scan in frame.scans for piece in (*scan.before, scan.head, scan.data)]
    return frame, b"".join([b"\xff\xd8", *pieces, b"\xff\xd9"])


def _take_scan(frame: _Frame, head: bytes, restarts: list[bytes], length: int) -> None:
    """Check a scan of `length` bytes: its header (B.2.3), markers and size; note which coefficients it brings."""
    if len(head) < 4 or len(head) != 4 + 2 * head[0]:
        raise ValueError(f"the header of a scan has {len(head)} bytes")
    if not frame.is_plain:
        return
    numbers = head[1:-3:2]
    if not numbers or len(set(numbers)) != len(numbers) or not set(numbers) <= set(frame.components):
        raise ValueError("a scan is of channels that the picture does not have")
    scanned = [frame.components[number] for number in numbers]
    is_progressive = frame.marker in _PROGRESSIVES
    first, last, bits = (head[-3], head[-2], head[-1]) if is_progressive else (0, 63, 0)
    if first > last or last > 63:
        raise ValueError(f"a scan is of coefficients {first} to {last}")
    for component in scanned:
        component.bits[first : last + 1] = [bits & 15] * (last + 1 - first)
    units, blocks = _units(frame, scanned)
    _check_restarts(frame.restart_interval, units, restarts)
    # A code has a bit at least. Every block has one for its mean, and unless it is progressive one more for the rest.
    least = units * blocks * (1 if is_progressive else 2) // 8
    if first == 0 and frame.marker not in _ARITHMETICS and length < least:
        raise ValueError(f"a scan has {length:,} bytes; its {frame.width} x {frame.height} pixels take {least:,}")


def _units(frame: _Frame, scanned: list[_Component]) -> tuple[int, int]:
    """(MCUs of a scan, blocks in each): A.2."""
    across = max(component.across for component in frame.components.values())
    down = max(component.down for component in frame.components.values())
    if len(scanned) == 1:  # A.2.2: an MCU is one block
        columns = -(-frame.width * scanned[0].across // (8 * across))
        rows = -(-frame.height * scanned[0].down // (8 * down))
        return columns * rows, 1
    units = -(-frame.width // (8 * across)) * -(-frame.height // (8 * down))
    return units, sum(component.across * component.down for component in scanned)


def _check_restarts(interval: int, units: int, restarts: list[bytes]) -> None:
    """Restart markers come every `interval` MCUs, numbered 0 to 7 in turn (B.2.1, E.1.4); libjpeg guesses where not."""
    expected = -(-units // interval) - 1 if interval else 0
    if len(restarts) not in (expected, expected + 1):  # one more, behind the last MCU, harms no decoder
        raise ValueError(f"a scan has {len(restarts)} restart markers instead of {expected}")
    if any(restart[1] != _RST0 + place % 8 for place, restart in enumerate(restarts)):
        raise ValueError("the restart markers of a scan are out of order")


def _require_all_coefficients(frame: _Frame) -> None:
    """ValueError if a scan is missing: what a file that was cut, and then closed, shows in part or blurred."""
    for component in frame.components.values() if frame.is_plain else ():
        if any(component.bits):
            raise ValueError("its last scans are missing: the picture would be blurred")
        if None in component.bits:
            raise ValueError("a scan is missing: a channel or the details of one")


class _Jpeg(Format[None]):
    name = "JPG"
    extensions = (".jpg", ".jpeg")
    signatures = (_SIGNATURE,)
    media_type = "image/jpeg"
    depths = (np.uint8,)
    channels = (1, 3)
    largest_side = 65500  # JPEG_MAX_DIMENSION of libjpeg (jmorecfg.h); the format itself has 16 bits (B.2.2)

    def read_header(self, file: IO[bytes]) -> Header[None]:
        frame = _headers(file)
        return Header((Extent(frame.width, frame.height),), None, may_have_alpha=False, orientation=frame.orientation)

    def decode(self, data: bytes, header: Header[None], at_least: int | None = None) -> Pixels:
        return decode_jpeg(data, at_least)

    def is_whole(self, file: IO[bytes]) -> bool:
        """Do all markers from the first to the end of the image stand where they should, with every scan in between?

        All of the file is read, for where a scan ends only its data tell: 1 ms a megabyte. What follows the end of the
        image does not matter: cameras, phones and MPO files put more there.
        """
        file.seek(0)
        try:
            _parsed(file.read())
        except ValueError:
            return False
        return True

    def _encode(self, pixels: NDArray[Any], text: Mapping[str, str], quality: int | None, threads: int) -> bytes:
        if quality is None:
            raise ValueError("JPG files always lose something: they need a quality.")
        return encode_jpeg(pixels, quality)


JPEG = _Jpeg()
