"""Make a small, plain picture of one that a phone uploads. Bytes in, bytes out.

Nothing of the uploaded file is kept but its pixels: no EXIF, no place, no comment, no second file
hidden behind the first.
"""

import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any, Literal, NamedTuple

# Plugins too, which Pillow would import later, in the thread that decodes.
from PIL import (
    Image,
    ImageCms,
    ImageOps,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

__all__ = ["JPEG", "PNG", "Picture", "PictureError", "convert"]

PLUGINS = (JpegImagePlugin, MpoImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin)
FORMATS = ("JPEG", "PNG", "WEBP")
JPEG, PNG = "image/jpeg", "image/png"

MAX_PIXELS = 8_000_000
MAX_PIXELS_WEBP = 4_000_000  # its decoder takes 16 bytes for each
MAX_SIDE = 4096
SCAN, MAX_SCANS = b"\xff\xda", 64  # of a JPEG: each one may take the time of a whole picture
SEGMENT = 2**16  # bytes of one of a JPEG, at most
EXIF = re.compile(rb"\xff[\xe1\xe2](..)(?:Exif\0\0|MPF\0)", re.DOTALL)  # those segments
MAX_COPIED = 16 * 2**20  # bytes that the fields of EXIF have together
SIDE = 512  # of the result, at most
MAX_BYTES = 256 * 2**10  # of the result
QUALITIES = (85, 75, 60, 45, 30)  # of JPEG: the first one that gives few enough bytes
PNG_SIDES = (512, 384, 256, 192)  # PNG has no quality, so its size gives way
STRIP = 2**18  # pixels that are converted at a time

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


class PictureError(Exception):
    """These bytes are no JPEG, PNG or WebP that can be decoded within the limits."""


class Picture(NamedTuple):
    content_type: str
    data: bytes


def convert(data: bytes) -> Picture:
    """Return the picture upright, in sRGB, at most 512 x 512 and 256 KiB, without metadata.

    It is a JPEG, or a PNG if some of it is transparent. Size and number of frames are checked in
    the header before anything is decoded. Raises `PictureError`.
    """
    try:
        return _convert(data)
    except PictureError:
        raise
    except Exception as error:  # decoders raise many kinds for bytes that are wrong
        raise PictureError(type(error).__name__) from None


def _convert(data: bytes) -> Picture:
    if data[:4] == b"RIFF":  # before Pillow opens it, which takes memory for the whole picture
        _check_size(*_size_of_webp(data), MAX_PIXELS_WEBP)
    if data[:2] == b"\xff\xd8":  # before Pillow reads its EXIF, which it does at once
        _check_segments(data)
    with Image.open(BytesIO(data), formats=FORMATS) as source:
        _check_size(*source.size)
        # A JPEG with a second picture in it (MPO) is what many phones take: the first one is it.
        if source.format in {"JPEG", "MPO"} and data.count(SCAN) > MAX_SCANS:
            raise PictureError("scans")
        if source.format in {"PNG", "WEBP"} and getattr(source, "n_frames", 1) != 1:
            raise PictureError("animation")
        small = _shrunk(source)
        small.info = dict(source.info)
        _check_exif_in(small.info)
    small = _in_srgb(_upright(small))
    small.info = {}  # or it would be written
    return _as_png(small) if small.mode == "RGBA" else _as_jpeg(small)


def _check_size(width: int, height: int, pixels: int = MAX_PIXELS) -> None:
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and width * height <= pixels):
        raise PictureError(f"{width} x {height}")


def _check_segments(data: bytes) -> None:
    """Check the EXIF of a JPEG. Pillow joins segments, so the size is of all that may be some."""
    found = list(EXIF.finditer(data))
    for each in found:
        end = each.start() + 2 + int.from_bytes(each[1], "big")
        _check_fields(data[each.end() : end], SEGMENT * len(found))


def _check_exif_in(info: dict[str | tuple[int, int], Any]) -> None:
    info.pop("Raw profile type exif", None)  # what ImageMagick writes into a PNG, in hexadecimal
    if exif := info.get("exif"):
        _check_fields(exif.removeprefix(b"Exif\0\0"), len(exif))


def _check_fields(fields: bytes, size: int) -> None:
    """Refuse EXIF whose fields share their bytes.

    The Pillow of Python 3.10 copies each of them: 3 GB of a file of 2 MB.
    """
    order: Literal["little", "big"] = "little" if fields[:2] == b"II" else "big"
    start = int.from_bytes(fields[4:8], order)
    count = int.from_bytes(fields[start : start + 2], order)
    if start + 2 > len(fields) or count * size > MAX_COPIED:
        raise PictureError("EXIF")


def _size_of_webp(data: bytes) -> tuple[int, int]:
    """Return width and height. Source: RFC 9649, section 2, and RFC 6386, section 9.1."""

    def number(start: int, end: int) -> int:
        return int.from_bytes(data[start:end], "little")

    if data[12:16] == b"VP8X":
        if data[20] & 2:
            raise PictureError("animation")
        return 1 + number(24, 27), 1 + number(27, 30)
    if data[12:16] == b"VP8L":
        return 1 + (number(21, 25) & 0x3FFF), 1 + (number(21, 25) >> 14 & 0x3FFF)
    return number(26, 28) & 0x3FFF, number(28, 30) & 0x3FFF


def _shrunk(source: Image.Image) -> Image.Image:
    """Decode, and shrink to what is stored; a larger size is first divided by a whole number.

    That is done in strips: each step makes a copy, which would be of the whole picture.
    """
    _decode(source)
    mode, (width, height) = _mode(source), source.size
    factor = max(1, max(width, height) // (2 * SIDE))
    small = Image.new(mode, (-(-width // factor), -(-height // factor)))
    for top, bottom in _strips(width, height, factor):
        strip = source.crop((0, top, width, bottom))
        strip.info = source.info  # which colour of a palette is transparent
        small.paste(_plain(strip, mode).reduce(factor), (0, top // factor))
    small.thumbnail((SIDE, SIDE))
    return small.convert("RGBA") if mode == "RGBa" else small


def _decode(source: Image.Image) -> None:
    """Decode it; a JPEG at half its size or less, where that is twice what is stored."""
    longest = max(source.size)
    width, height = (2 * SIDE * side // longest for side in source.size)
    if longest > 2 * SIDE:
        source.draft(None, (width, height))
    source.load()


def _strips(width: int, height: int, factor: int) -> Iterator[tuple[int, int]]:
    step = max(1, STRIP // width // factor) * factor
    return ((top, min(height, top + step)) for top in range(0, height, step))


def _mode(source: Image.Image) -> str:
    """Return the plain mode that holds the colours of a picture; RGBa has alpha multiplied in."""
    if source.has_transparency_data:
        return "RGBa"
    if source.mode in {"1", "L", "I", "I;16", "F"}:
        return "L"
    return "CMYK" if source.mode == "CMYK" else "RGB"


def _plain(strip: Image.Image, mode: str) -> Image.Image:
    if strip.mode in {"I", "I;16"}:
        strip = strip.convert("I").point(lambda value: value / 256).convert("L")
        strip.info = {}
    return strip.convert("RGBA").convert("RGBa") if mode == "RGBa" else strip.convert(mode)


def _upright(small: Image.Image) -> Image.Image:
    """Turn it as EXIF says; one that cannot be read says nothing."""
    try:
        return ImageOps.exif_transpose(small)
    except Exception:  # it raises many kinds
        return small


def _in_srgb(small: Image.Image) -> Image.Image:
    """Convert to sRGB, or take it for sRGB where there is no profile that fits."""
    if small.mode == "RGBA" and small.getchannel("A").getextrema() == (255, 255):
        small = small.convert("RGB")
    mode = "RGBA" if small.mode == "RGBA" else "RGB"
    if profile := small.info.get("icc_profile"):
        try:
            given = ImageCms.ImageCmsProfile(BytesIO(profile))
            found = ImageCms.profileToProfile(small, given, SRGB, outputMode=mode)
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            found = None
        if found is not None:
            return found
    return small.convert(mode)


def _as_jpeg(small: Image.Image) -> Picture:
    for quality in QUALITIES:
        file = BytesIO()
        small.save(file, "JPEG", quality=quality, optimize=True)
        if file.tell() <= MAX_BYTES:
            return Picture(JPEG, file.getvalue())
    raise PictureError("too many bytes")


def _as_png(small: Image.Image) -> Picture:
    for side in PNG_SIDES:
        small.thumbnail((side, side))
        file = BytesIO()
        small.save(file, "PNG")
        if file.tell() <= MAX_BYTES:
            return Picture(PNG, file.getvalue())
    raise PictureError("too many bytes")
