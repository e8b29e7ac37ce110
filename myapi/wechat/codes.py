"""Mini program codes: what WeChat is asked for, and what counts as a picture.

Source: getUnlimitedQRCode, POST /wxa/getwxacodeunlimit.
"""

import re
from typing import Literal, get_args

GET_CODE = "/wxa/getwxacodeunlimit"

#: The most bytes of a picture that are read. One of 1280 px has a few hundred kilobytes.
PICTURE_LIMIT = 4 * 2**20

#: Which version of the mini program opens.
EnvVersion = Literal["release", "trial", "develop"]
ENV_VERSIONS: tuple[EnvVersion, ...] = get_args(EnvVersion)

NARROWEST, WIDEST = 280, 1280  # px

#: Red, green and blue, 0 to 255.
Color = tuple[int, int, int]

#: The characters that WeChat takes in a scene. It takes no %, so nothing can be percent-encoded.
SPECIAL = "!#$&'()*+,/:;=?@-._~"
_SCENE = re.compile(rf"[0-9A-Za-z{re.escape(SPECIAL)}]{{1,32}}")

# What a picture begins with, and what its end has. Some bytes may follow the end.
_JPEG, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
_PNG, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND"


def code_request(
    scene: str,
    page: str | None,
    *,
    check_path: bool,
    env_version: EnvVersion,
    width: int,
    auto_color: bool,
    line_color: Color | None,
    is_hyaline: bool,
) -> dict[str, object]:
    """Return the body of a request for a code. Raises ValueError for what WeChat would refuse."""
    check_scene(scene)
    if page:
        check_page(page)
    check_env_version(env_version)
    if type(width) is not int or not NARROWEST <= width <= WIDEST:
        raise ValueError(f"width must be {NARROWEST} to {WIDEST}")
    asked: dict[str, object] = {
        "scene": scene,
        "check_path": check_path,
        "env_version": env_version,
        "width": width,
        "auto_color": auto_color,
        "is_hyaline": is_hyaline,
    }
    if page:
        asked["page"] = page
    if line_color is not None:
        if auto_color:
            raise ValueError("line_color has no effect with auto_color: give one of them")
        asked["line_color"] = _color(line_color)
    return asked


def check_scene(scene: str) -> None:
    """Raise ValueError for a scene that WeChat would refuse."""
    if not isinstance(scene, str) or not _SCENE.fullmatch(scene):
        raise ValueError(f"a scene is 1 to 32 ASCII letters, digits and {SPECIAL}")


def check_page(page: str) -> None:
    """Raise ValueError for the page of a code if WeChat would refuse it."""
    check_plain_path(page)
    if page.startswith("/"):
        raise ValueError("the page of a code does not begin with /, as in pages/index/index")


def check_plain_path(path: str) -> None:
    """Raise ValueError for a path with a space, a query or a fragment."""
    if not isinstance(path, str) or not path.isprintable() or set(path) & set("?# "):
        raise ValueError("a path has no spaces, no query and no #, as in pages/index/index")


def check_env_version(env_version: str) -> None:
    """Raise ValueError for a version that WeChat does not know."""
    if env_version not in ENV_VERSIONS:
        raise ValueError(f"env_version must be one of {', '.join(ENV_VERSIONS)}")


def is_picture(answer: bytes) -> bool:
    """Return whether an answer is a whole JPEG or PNG."""
    if answer.startswith(_JPEG):
        return _JPEG_END in answer
    return answer.startswith(_PNG) and _PNG_END in answer


def _color(color: Color) -> dict[str, int]:
    if len(color) != 3 or any(type(part) is not int or not 0 <= part <= 255 for part in color):
        raise ValueError("line_color must be three numbers from 0 to 255: red, green and blue")
    return dict(zip("rgb", color, strict=True))
