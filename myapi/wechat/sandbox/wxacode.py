"""The sandbox's mini program codes: a picture that says what a phone would get."""

import re
from io import BytesIO
from typing import Any

from .faults import Reply

ENV_VERSIONS = ("release", "trial", "develop")

_SCENE = re.compile(r"[0-9A-Za-z!#$&'()*+,/:;=?@\-._~]{1,32}")
_BLACK = {"r": 0, "g": 0, "b": 0}


def body_errcode(body: dict[str, Any] | None) -> int:
    """Return 0, or the errcode of a body that getwxacodeunlimit cannot take."""
    if body is None:
        return 47001
    scene, page = body.get("scene"), body.get("page", "")
    if not isinstance(scene, str) or not _SCENE.fullmatch(scene):
        return 40129
    if not isinstance(page, str) or page.startswith("/") or set(page) & set("?#"):
        return 41030
    checks = (
        body.get("env_version", "release") in ENV_VERSIONS,
        _is_number(_width(body), 280, 1280),
        all(_is_number(_color(body).get(part), 0, 255) for part in "rgb"),
    )
    return 0 if all(checks) else 40097


def draw(body: dict[str, Any]) -> Reply:
    """Return the picture for a body without fault: a JPEG, or a transparent PNG."""
    from PIL import Image, ImageDraw, ImageFont  # takes longer than all the rest of the sandbox

    width, color = _width(body), tuple(_color(body)[part] for part in "rgb")
    is_hyaline = body.get("is_hyaline") is True
    image = Image.new("RGBA", (width, width), (255, 255, 255, 0 if is_hyaline else 255))
    pen = ImageDraw.Draw(image)
    pen.rectangle((4, 4, width - 5, width - 5), outline=color, width=4)
    lines = _lines(body)
    for number, line in enumerate(lines, start=1):
        size = width / 14
        length = ImageFont.load_default(size).getlength(line)
        font = ImageFont.load_default(min(size, size * 0.9 * width / length))
        middle = (width / 2, width * number / (len(lines) + 1))
        pen.text(middle, line, fill=color, font=font, anchor="mm")
    file = BytesIO()
    if is_hyaline:
        image.save(file, "PNG")
        return Reply(200, file.getvalue(), "image/png")
    image.convert("RGB").save(file, "JPEG")
    return Reply(200, file.getvalue(), "image/jpeg")


def _lines(body: dict[str, Any]) -> list[str]:
    return [
        "WeChat sandbox",
        "scene:",
        body["scene"],
        "page:",
        body.get("page") or "(home)",
        f"{body.get('env_version', 'release')}, {_width(body)} px",
    ]


def _width(body: dict[str, Any]) -> Any:  # noqa: ANN401 (JSON)
    return body.get("width", 430)


def _color(body: dict[str, Any]) -> dict[str, Any]:
    color = body.get("line_color", _BLACK)
    return color if isinstance(color, dict) else {}


def _is_number(value: object, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high
