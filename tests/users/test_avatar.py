"""My picture: uploaded, made small, shown by its URL alone, replaced, removed, exported, erased."""

import base64
import io
import json
import random
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image, ImageCms, PngImagePlugin

from myapi.users import avatar, pictures
from tests.service import at_once

pytestmark = pytest.mark.on_mysql

RED, GREEN, BLUE = (254, 0, 0), (0, 255, 1), (0, 0, 254)
BOUNDARY = "----WechatMiniprogram7"


def encoded(image, kind="JPEG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def plain(size=(64, 48), colour=RED, mode="RGB"):
    return Image.new(mode, size, colour)


def noise(size, mode="RGB", seed=7):
    bands = len(Image.new(mode, (1, 1)).getbands())
    return Image.frombytes(mode, size, random.Random(seed).randbytes(size[0] * size[1] * bands))


def multipart(*parts):
    """Make a body of (headers, bytes) pairs, as they are on the wire."""
    lines = []
    for head, data in parts:
        lines += [f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode(), data, b"\r\n"]
    return b"".join([*lines, f"--{BOUNDARY}--\r\n".encode()])


def file_part(data, field="file", kind="image/jpeg", name="tmp_1.jpg"):
    head = f'Content-Disposition: form-data; name="{field}"; filename="{name}"'
    return f"{head}\r\nContent-Type: {kind}", data


def post(who, body, content_type=f"multipart/form-data; boundary={BOUNDARY}", **headers):
    return who.client.post(
        "/api/me/avatar",
        data=body,
        headers={**who.headers, "Content-Type": content_type, **headers},
    )


def upload(who, data):
    return post(who, multipart(file_part(data)))


def shown(who, answer):
    """Fetch the picture of an answer as anyone would."""
    assert answer.status_code == 200, answer.text
    url = answer.get_json()["data"]["avatar_url"]
    assert url.startswith("http://localhost/avatars/")
    return who.client.get(url.removeprefix("http://localhost"))


def opened(response):
    return Image.open(io.BytesIO(response.data))


def near(pixel, colour, distance=12):
    return all(abs(a - b) <= distance for a, b in zip(pixel[:3], colour, strict=True))


@pytest.fixture
def stored(execute):
    """Return how many pictures there are."""
    return lambda: execute("SELECT COUNT(*) FROM myapi_avatars")[0][0]


# ---- what is accepted ----


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_picture_is_shown_to_all_who_have_its_url(sign_in, kind):
    alice = sign_in("alice")
    answer = upload(alice, encoded(plain(), kind))
    assert answer.get_json()["data"] == alice.get("/api/me").get_json()["data"]
    assert sign_in("alice").user == answer.get_json()["data"]
    picture = shown(alice, answer)
    assert picture.headers["Content-Type"] == "image/jpeg"
    assert (opened(picture).format, opened(picture).size) == ("JPEG", (64, 48))
    assert near(opened(picture).getpixel((30, 20)), RED)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_picture_is_served_with_headers_of_its_own(sign_in):
    alice = sign_in("alice")
    picture = shown(alice, upload(alice, encoded(plain())))
    assert picture.headers.get_all("Cache-Control") == ["private, max-age=86400, immutable"]
    assert picture.headers.get_all("X-Content-Type-Options") == ["nosniff"]
    assert picture.headers["Content-Disposition"] == "inline"
    path, tag = picture.request.path, picture.headers["ETag"]
    again = alice.client.get(path, headers={"If-None-Match": tag})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    assert again.headers.get_all("Cache-Control") == ["private, max-age=86400, immutable"]
    assert alice.client.get(path, headers={"If-None-Match": '"another"'}).status_code == 200
    head = alice.client.head(path)
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(picture.data)))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", ["0" * 32, "x", "é", "0" * 33, "..%2f..%2fetc%2fpasswd", "a%00"])
def test_unknown_picture_is_a_404_in_json_that_nobody_keeps(client, name):
    answer = client.get(f"/avatars/{name}")
    assert (answer.status_code, answer.get_json()["error"]) == (404, "not_found")
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("size", "kind", "result"),
    [
        ((4096, 1953), "JPEG", (512, 245)),
        ((4096, 1953), "PNG", (512, 245)),
        ((2000, 2000), "WEBP", (512, 512)),
        ((1000, 3000), "JPEG", (171, 512)),
        ((4096, 1), "PNG", (512, 1)),
        ((1, 1), "PNG", (1, 1)),
        ((512, 512), "WEBP", (512, 512)),
        ((513, 512), "PNG", (512, 511)),
    ],
)
def test_picture_is_at_most_512_pixels_wide_and_high(sign_in, size, kind, result):
    alice = sign_in("alice")
    picture = opened(shown(alice, upload(alice, encoded(plain(size), kind))))
    assert picture.size == result
    assert near(picture.convert("RGB").getpixel((0, 0)), RED)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_picture_full_of_noise_has_at_most_256_kib(sign_in, mode):
    alice = sign_in("alice")
    picture = shown(alice, upload(alice, encoded(noise((600, 600), mode), "PNG")))
    assert len(picture.data) <= 256 * 1024
    assert picture.headers["Content-Type"] == {"RGB": "image/jpeg", "RGBA": "image/png"}[mode]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("image", "kind", "options"),
    [
        (plain(mode="L", colour=200), "JPEG", {}),
        (plain(mode="L", colour=200), "PNG", {}),
        (plain(mode="1", colour=1), "PNG", {}),
        (plain(mode="LA", colour=(200, 255)), "PNG", {}),
        (plain().convert("P"), "PNG", {}),
        (plain(mode="I;16", colour=51200), "PNG", {}),
        (plain(mode="CMYK", colour=(0, 255, 255, 0)), "JPEG", {}),
        (plain(), "JPEG", {"progressive": True}),
        (plain((2000, 1500)), "JPEG", {"progressive": True, "subsampling": 0}),
        (plain(mode="RGBA", colour=(*RED, 255)), "WEBP", {"lossless": True}),
    ],
)
def test_every_kind_of_colours_is_taken(sign_in, image, kind, options):
    alice = sign_in("alice")
    picture = shown(alice, upload(alice, encoded(image, kind, **options)))
    assert picture.headers["Content-Type"] == "image/jpeg"
    colour = opened(picture).convert("RGB").getpixel((5, 5))
    grey = {"L": 200, "LA": 200, "I;16": 200, "1": 255}.get(image.mode)
    assert near(colour, RED if grey is None else (grey,) * 3)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("size", [(300, 300), (1900, 1900)])
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_transparent_picture_stays_transparent(sign_in, kind, size):
    """Colours behind what is transparent must not shine through at its edge."""
    image = plain(size, (*GREEN, 0), "RGBA")
    image.paste((*RED, 255), (0, 0, size[0] // 2, size[1]))
    alice = sign_in("alice")
    options = {"lossless": True} if kind == "WEBP" else {}
    picture = opened(shown(alice, upload(alice, encoded(image, kind, **options))))
    assert (picture.format, picture.mode) == ("PNG", "RGBA")
    width, height = picture.size
    assert picture.getpixel((width - 2, 5))[3] == 0
    for x in range(width):
        red, green, _, alpha = picture.getpixel((x, height // 2))
        assert alpha < 8 or (red > 200 and green < 40)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_palette_with_a_transparent_colour_stays_transparent(sign_in):
    image = Image.new("P", (40, 40), 1)
    image.putpalette([*GREEN, *RED])
    image.paste(0, (0, 0, 20, 40))
    alice = sign_in("alice")
    picture = opened(shown(alice, upload(alice, encoded(image, "PNG", transparency=0))))
    assert picture.getpixel((5, 5))[3] == 0
    assert picture.getpixel((30, 5)) == (*RED, 255)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(60, 40), (1800, 1200)])
def test_picture_is_turned_as_exif_says(sign_in, orientation, size):
    """The upright picture has red at the top left, green at the top right, blue below."""
    upright = Image.new("RGB", size, BLUE)
    upright.paste(RED, (0, 0, size[0] // 2, size[1] // 2))
    upright.paste(GREEN, (size[0] // 2, 0, size[0], size[1] // 2))
    turn = Image.Transpose
    back = {
        2: turn.FLIP_LEFT_RIGHT,
        3: turn.ROTATE_180,
        4: turn.FLIP_TOP_BOTTOM,
        5: turn.TRANSPOSE,
        6: turn.ROTATE_90,
        7: turn.TRANSVERSE,
        8: turn.ROTATE_270,
    }.get(orientation)
    exif = Image.Exif()
    exif[0x0112] = orientation
    taken = upright if back is None else upright.transpose(back)
    alice = sign_in("alice")
    picture = opened(shown(alice, upload(alice, encoded(taken, "JPEG", exif=exif, quality=95))))
    width, height = picture.size
    assert width > height
    assert near(picture.getpixel((width // 8, height // 8)), RED, 40)
    assert near(picture.getpixel((width * 7 // 8, height // 8)), GREEN, 40)
    assert near(picture.getpixel((width // 2, height * 7 // 8)), BLUE, 40)


def profile(name):
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_colours_are_converted_to_srgb(sign_in):
    """A profile with red and blue exchanged shows whether it was applied."""
    swapped = bytearray(profile("sRGB"))
    red, blue = swapped.index(b"rXYZ", 128), swapped.index(b"bXYZ", 128)
    swapped[red : red + 4], swapped[blue : blue + 4] = b"bXYZ", b"rXYZ"
    alice = sign_in("alice")
    data = encoded(plain(), "PNG", icc_profile=bytes(swapped))
    assert near(opened(shown(alice, upload(alice, data))).getpixel((5, 5)), BLUE, 40)
    same = encoded(plain(), "PNG", icc_profile=profile("sRGB"))
    assert near(opened(shown(alice, upload(alice, same))).getpixel((5, 5)), RED)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "bad", [b"", b"nonsense", b"\0" * 4000, profile("LAB"), profile("sRGB")[:200]]
)
def test_profile_that_does_not_fit_is_ignored(sign_in, bad):
    alice = sign_in("alice")
    data = encoded(plain(), "JPEG", icc_profile=bad)
    assert near(opened(shown(alice, upload(alice, data))).getpixel((5, 5)), RED)


SECRET = b"39.9042N-116.4074E"


def with_metadata(kind):
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()
    exif[0x0112] = 1
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", SECRET.decode())
    options = {
        "JPEG": {"exif": exif, "comment": SECRET, "xmp": b"<x>" + SECRET, "dpi": (72, 72)},
        "PNG": {"exif": exif, "pnginfo": text},
        "WEBP": {"exif": exif, "xmp": b"<x>" + SECRET},
    }[kind]
    colour = (*RED, 100) if kind == "PNG" else RED
    image = plain(mode="RGBA" if kind == "PNG" else "RGB", colour=colour)
    return encoded(image, kind, icc_profile=profile("sRGB"), **options) + b"PK\3\4" + SECRET


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_nothing_but_pixels_is_kept(sign_in, kind):
    data = with_metadata(kind)
    assert SECRET in data
    alice = sign_in("alice")
    picture = shown(alice, upload(alice, data))
    assert SECRET not in picture.data
    assert b"PK\3\4" not in picture.data
    assert not opened(picture).getexif()
    assert not {"icc_profile", "exif", "xmp", "comment"} & opened(picture).info.keys()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_second_picture_in_a_jpeg_of_a_phone_is_left_out(sign_in):
    image = plain()
    data = encoded(image, "MPO", save_all=True, append_images=[plain(colour=GREEN)])
    assert Image.open(io.BytesIO(data)).n_frames == 2
    alice = sign_in("alice")
    picture = opened(shown(alice, upload(alice, data)))
    assert picture.format == "JPEG"
    assert near(picture.getpixel((5, 5)), RED)


def test_file_of_2_mib_passes_though_other_bodies_are_smaller(sign_in):
    alice = sign_in("alice")
    picture = encoded(plain())
    largest = picture + b"\0" * (avatar.MAX_BYTES - len(picture))
    assert upload(alice, largest).status_code == 200
    assert upload(alice, largest + b"\0").get_json()["error"] == "payload_too_large"
    assert upload(alice, largest + b"\0" * 20_000).get_json()["error"] == "payload_too_large"
    other = alice.put("/api/me", {"nickname": "x" * 70_000})
    assert other.get_json()["error"] == "payload_too_large"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_name_and_type_of_the_file_do_not_matter(sign_in):
    alice = sign_in("alice")
    part = file_part(encoded(plain(), "PNG"), kind="text/html", name="../../evil.svg")
    assert opened(shown(alice, post(alice, multipart(part)))).format == "JPEG"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_other_fields_of_the_form_are_ignored(sign_in):
    alice = sign_in("alice")
    field = ('Content-Disposition: form-data; name="scene"', b"profile")
    body = multipart(field, file_part(encoded(plain())))
    assert post(alice, body).status_code == 200


# ---- what is refused ----


def png(width, height, *chunks):
    """Make a PNG of chunks, with a header that may say anything."""
    header = (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    written = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in (header, *chunks, (b"IEND", b""))
    )
    return b"\x89PNG\r\n\x1a\n" + written


def riff(kind, payload):
    chunk = kind + struct.pack("<I", len(payload)) + payload
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


def vp8x(width, height, flags=0):
    sides = (side.to_bytes(3, "little") for side in (width - 1, height - 1))
    return riff(b"VP8X", bytes([flags, 0, 0, 0]) + b"".join(sides))


def animated(kind):
    return encoded(plain(), kind, save_all=True, append_images=[plain(colour=GREEN)])


JPEG = encoded(noise((80, 80)))
PNG = encoded(noise((80, 80)), "PNG")
WEBP = encoded(noise((80, 80)), "WEBP")


def with_scans(count):
    """Make a JPEG that refines its pixels again and again: 20 bytes, and milliseconds, each."""
    data = encoded(plain((4096, 1953), 200, "L"), progressive=True)
    last, end = data.rindex(b"\xff\xda"), data.rindex(b"\xff\xd9")
    return data[:end] + data[last:end] * count + data[end:]


def shared_exif():
    """2 000 fields of EXIF, each of which is all of its bytes: 120 MB of 60 kB."""
    size = 60_000
    fields = b"".join(struct.pack("<HHLL", tag, 7, size, 0) for tag in range(1, 2001))
    return (b"II*\0" + struct.pack("<LH", 8, 2000) + fields).ljust(size, b"\0")


def jpeg_with(marker, *segments):
    parts = (marker + struct.pack(">H", len(each) + 2) + each for each in segments)
    return JPEG[:2] + b"".join(parts) + JPEG[2:]


def in_second_segment():
    """EXIF whose list of fields begins behind its first segment."""
    first = (b"II*\0" + struct.pack("<L", 60_000)).ljust(60_000, b"\0")
    fields = b"".join(struct.pack("<HHLL", tag, 7, 50_000, 0) for tag in range(1, 2001))
    return b"Exif\0\0" + first, b"Exif\0\0" + struct.pack("<H", 2000) + fields


NO_DATA = (b"IDAT", zlib.compress(b""))
BOMB = (b"IDAT", zlib.compress(b"\0" * 50_000_000, 9))

HOSTILE = {
    "nothing": b"",
    "one byte": b"\xff",
    "text": b"hello, this is a picture",
    "html": b"<html><script>alert(1)</script></html>",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "gif": encoded(plain(), "GIF"),
    "bmp": encoded(plain(), "BMP"),
    "tiff": encoded(plain(), "TIFF"),
    "ico": encoded(plain(), "ICO"),
    "ppm": encoded(plain(), "PPM"),
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "pdf": encoded(plain(), "PDF"),
    "heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "zip": b"PK\3\4" + b"\0" * 100,
    "html with the first bytes of a jpeg": b"\xff\xd8\xff\xe0<html><script>alert(1)</script>",
    "html with the first bytes of a png": b"\x89PNG\r\n\x1a\n<script>alert(1)</script>",
    "html with the first bytes of a webp": b"RIFF\x30\0\0\0WEBP<script>alert(1)</script>",
    "gif named riff": b"RIFF" + encoded(plain(), "GIF"),
    "jpeg cut in half": JPEG[: len(JPEG) // 2],
    "png cut in half": PNG[: len(PNG) // 2],
    "webp cut in half": WEBP[: len(WEBP) // 2],
    "jpeg header alone": JPEG[:200],
    "png header alone": PNG[:60],
    "webp header alone": WEBP[:30],
    "animated png": animated("PNG"),
    "animated webp": animated("WEBP"),
    "animated webp without frames": vp8x(10, 10, flags=2),
    "too wide": encoded(plain((4097, 10)), "PNG"),
    "too high": encoded(plain((10, 4097)), "JPEG"),
    "too many pixels": encoded(plain((4096, 1954)), "JPEG"),
    "too many pixels of webp": encoded(plain((2001, 2000)), "WEBP"),
    "png that says 50 000 x 50 000": png(50_000, 50_000, BOMB),
    "png of 2 000 million pixels": png(2**31 - 1, 1, NO_DATA),
    "png of no pixels": png(0, 10, NO_DATA),
    "png that unpacks to 50 MB": png(8, 8, BOMB) + b"",
    "png without data": png(100, 100),
    "png that says more than it has": png(4000, 2000, NO_DATA),
    "png with a profile that unpacks to 50 MB": png(
        10, 10, (b"iCCP", b"x\0\0" + zlib.compress(b"\0" * 50_000_000, 9)), NO_DATA
    ),
    "png with a text that unpacks to 50 MB": png(
        10, 10, (b"zTXt", b"x\0\0" + zlib.compress(b"\0" * 50_000_000, 9)), NO_DATA
    ),
    "jpeg that says 65 500 x 65 500": JPEG.replace(
        struct.pack(">HH", 80, 80), struct.pack(">HH", 65_500, 65_500), 1
    ),
    "jpeg of 20 000 scans": with_scans(20_000),
    "jpeg with exif of 120 MB": jpeg_with(b"\xff\xe1", b"Exif\0\0" + shared_exif()),
    "jpeg with exif in two segments": jpeg_with(b"\xff\xe1", *in_second_segment()),
    "jpeg with a list of pictures of 120 MB": jpeg_with(b"\xff\xe2", b"MPF\0" + shared_exif()),
    "png with exif of 120 MB": encoded(plain(), "PNG", exif=shared_exif()),
    "webp with exif of 120 MB": encoded(plain(), "WEBP", exif=shared_exif()),
    "webp that says 16 384 x 16 384": vp8x(16_384, 16_384),
    "webp that says 16 million": vp8x(2**24, 2**24),
    "webp without a picture": vp8x(10, 10),
    "lossless webp that says 16 384": riff(b"VP8L", b"\x2f\xff\xff\xff\x0f" + b"\0" * 20),
}
# A decoder may take what is whole in these, and leave the rest.
HARMLESS = {"png that unpacks to 50 MB"}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_hostile_picture_is_refused_and_nothing_stored(sign_in, stored, name):
    alice = sign_in("alice")
    answer = upload(alice, HOSTILE[name])
    if answer.status_code == 200 and name in HARMLESS:
        assert opened(shown(alice, answer)).size == (8, 8)
        return
    error = answer.get_json()
    assert (answer.status_code, error["error"], error["code"]) == (400, "picture_invalid", 40005)
    assert set(error) == {"code", "error", "msg", "request_id"}
    assert stored() == 0
    assert alice.get("/api/me").get_json()["data"]["avatar_url"] is None


GOOD = encoded(plain())
BODIES = {
    "no part": (multipart(), "picture_invalid"),
    "another field": (multipart(file_part(GOOD, field="avatar")), "picture_invalid"),
    "two files": (multipart(file_part(GOOD), file_part(GOOD)), "picture_invalid"),
    "a file beside the file": (multipart(file_part(GOOD), file_part(GOOD, "b")), "picture_invalid"),
    "a field that is no file": (
        multipart(('Content-Disposition: form-data; name="file"', GOOD)),
        "picture_invalid",
    ),
    "a part without a name": (multipart(("X-A: b", GOOD)), "picture_invalid"),
    "a part without headers": (f"--{BOUNDARY}\r\n\r\n".encode() + GOOD, "picture_invalid"),
    "no end": (multipart(file_part(GOOD)).partition(b"--\r\n")[0][:-40], "picture_invalid"),
    "nothing at all": (b"", "picture_invalid"),
    "no boundary in it": (b"x" * 500, "picture_invalid"),
    "JSON": (b'{"file": "x"}', "picture_invalid"),
    "a thousand parts": (multipart(*[file_part(b"")] * 1000), "payload_too_large"),
    "a thousand fields": (
        multipart(*[('Content-Disposition: form-data; name="a"', b"")] * 1000),
        "payload_too_large",
    ),
    "a field of 1 MB": (
        multipart(('Content-Disposition: form-data; name="a"', b"x" * 2**20)),
        "payload_too_large",
    ),
    "a header of 1 MB": (multipart(("X-A: " + "b" * 2**20, GOOD)), "payload_too_large"),
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_hostile_body_is_refused_and_nothing_stored(sign_in, stored, name):
    alice = sign_in("alice")
    body, error = BODIES[name]
    answer = post(alice, body)
    assert (answer.get_json()["error"], answer.status_code) == (
        error,
        {"picture_invalid": 400, "payload_too_large": 413}[error],
    )
    assert stored() == 0


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "image/jpeg", "application/x-www-form-urlencoded", "", "multipart/mixed"],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_body_that_is_no_form_is_a_415_that_says_what_to_send(sign_in, content_type):
    answer = post(sign_in("alice"), GOOD, content_type)
    assert answer.get_json()["error"] == "unsupported_media_type"
    assert "multipart/form-data" in answer.get_json()["msg"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_form_without_a_boundary_is_refused(sign_in):
    answer = post(sign_in("alice"), multipart(file_part(GOOD)), "multipart/form-data")
    assert answer.get_json()["error"] == "picture_invalid"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_encoded_body_is_refused(sign_in):
    answer = post(sign_in("alice"), multipart(file_part(GOOD)), **{"Content-Encoding": "gzip"})
    assert answer.get_json()["error"] == "unsupported_media_type"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_json_routes_still_refuse_a_form(sign_in):
    alice = sign_in("alice")
    answer = alice.client.put(
        "/api/me", data={"nickname": "x"}, headers=alice.headers, content_type="multipart/form-data"
    )
    assert answer.get_json()["error"] == "unsupported_media_type"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("method", ["post", "delete"])
def test_avatar_needs_a_session(client, method):
    answer = getattr(client, method)("/api/me/avatar")
    assert answer.get_json()["error"] == "token_missing"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("of", [JPEG, PNG, WEBP, with_metadata("JPEG")], ids=range(4))
def test_damaged_picture_is_shown_or_refused(make_app, sign_in, stored, of):
    """Bits flipped, parts cut out and repeated, and the same done to the form around it."""
    alice = sign_in("alice", make_app(rate_limit_user="100000/minute").test_client())
    chance = random.Random(len(of))
    allowed = {"picture_invalid", "invalid_request", "payload_too_large"}
    for turn in range(150):
        whole = turn % 5 == 0
        data = bytearray(multipart(file_part(of)) if whole else of)
        for _ in range(chance.choice((1, 1, 3, 30))):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        if chance.random() < 0.5:
            start = chance.randrange(len(data))
            data[start : start + chance.randrange(200)] = data[: chance.randrange(3)]
        if chance.random() < 0.3:
            del data[chance.randrange(len(data)) :]
        answer = post(alice, bytes(data)) if whole else upload(alice, bytes(data))
        if answer.status_code == 200:
            assert opened(shown(alice, answer)).format in {"JPEG", "PNG"}
            assert alice.delete("/api/me/avatar").status_code == 200
        else:
            assert answer.get_json()["error"] in allowed
        assert stored() == 0


# ---- one picture a user ----


def test_another_picture_replaces_the_first_at_once(sign_in, stored):
    alice = sign_in("alice")
    first = shown(alice, upload(alice, encoded(plain())))
    second = shown(alice, upload(alice, encoded(plain(colour=GREEN))))
    assert near(opened(second).getpixel((5, 5)), GREEN)
    tag = {"If-None-Match": first.headers["ETag"]}
    assert alice.client.get(first.request.path, headers=tag).status_code == 404
    assert stored() == 1


def test_refused_picture_leaves_the_one_before(sign_in):
    alice = sign_in("alice")
    before = shown(alice, upload(alice, encoded(plain())))
    assert upload(alice, b"no picture").status_code == 400
    assert alice.client.get(before.request.path).data == before.data


def test_removed_picture_is_gone_at_once(sign_in, stored):
    alice = sign_in("alice")
    picture = shown(alice, upload(alice, encoded(plain())))
    for _ in range(2):
        assert alice.delete("/api/me/avatar").get_json()["data"] == alice.user
    assert alice.client.get(picture.request.path).status_code == 404
    assert stored() == 0


@pytest.mark.parametrize("url", ["https://example.com/a.png", None])
def test_url_set_by_the_phone_deletes_the_uploaded_picture(sign_in, stored, url):
    alice = sign_in("alice")
    picture = shown(alice, upload(alice, encoded(plain())))
    assert alice.put("/api/me", {"nickname": "A"}).status_code == 200
    assert stored() == 1
    assert alice.put("/api/me", {"avatar_url": url}).get_json()["data"]["avatar_url"] == url
    assert alice.client.get(picture.request.path).status_code == 404
    assert stored() == 0


def test_profile_sent_back_as_it_was_shown_keeps_the_picture(make_app, sign_in, stored):
    client = make_app(public_url="https://api.example.com").test_client()
    alice = sign_in("alice", client)
    url = upload(alice, encoded(plain())).get_json()["data"]["avatar_url"]
    changed = alice.put("/api/me", {"nickname": "A", "avatar_url": url}).get_json()["data"]
    assert (changed["nickname"], changed["avatar_url"]) == ("A", url)
    assert stored() == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_url_begins_with_the_public_url_of_the_settings(make_app, sign_in, runner):
    client = make_app(public_url="https://api.example.com").test_client()
    alice = sign_in("alice", client)
    url = upload(alice, encoded(plain())).get_json()["data"]["avatar_url"]
    assert url.startswith("https://api.example.com/avatars/")
    assert client.get(url.removeprefix("https://api.example.com")).status_code == 200
    shown = json.loads(runner.invoke(args=["users", "list", "--json"]).stdout)["items"][0]
    assert shown["avatar_url"] == url.replace("https://api.example.com", "http://127.0.0.1:8000")


def test_erasing_the_account_removes_the_picture(sign_in, stored):
    alice = sign_in("alice")
    picture = shown(alice, upload(alice, encoded(plain())))
    assert alice.delete("/api/me").status_code == 200
    assert alice.client.get(picture.request.path).status_code == 404
    assert stored() == 0


def test_export_has_the_picture(sign_in, runner):
    alice = sign_in("alice")
    picture = shown(alice, upload(alice, encoded(plain())))
    done = runner.invoke(args=["users", "export", alice.user["id"]])
    exported = json.loads(done.stdout)
    found = exported["myapi_avatars"]
    assert base64.b64decode(found["data"]) == picture.data
    assert (found["content_type"], set(found)) == (
        "image/jpeg",
        {"content_type", "created_at", "data"},
    )
    assert exported["avatar_url"].endswith(picture.request.path)


def test_user_who_was_erased_meanwhile_gets_no_picture(app, sign_in, stored, monkeypatch):
    alice = sign_in("alice")
    real = pictures.convert

    def slow(data):
        alice.delete("/api/me")
        return real(data)

    monkeypatch.setattr(pictures, "convert", slow)
    assert upload(alice, encoded(plain())).get_json()["error"] == "session_ended"
    assert stored() == 0


# ---- many at once ----


def test_pictures_of_one_user_at_once_leave_one(app, sign_in, stored):
    alice = sign_in("alice")
    body = multipart(file_part(encoded(plain((900, 900)))))

    def send():
        return app.test_client().post(
            "/api/me/avatar",
            data=body,
            headers=alice.headers,
            content_type=f"multipart/form-data; boundary={BOUNDARY}",
        )

    answers = at_once(*[send] * 6)
    assert {answer.status_code for answer in answers} == {200}
    assert stored() == 1
    url = alice.get("/api/me").get_json()["data"]["avatar_url"]
    assert alice.client.get(url.removeprefix("http://localhost")).status_code == 200


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_one_picture_is_decoded_at_a_time_and_others_do_not_wait_for_long(
    app, sign_in, stored, monkeypatch
):
    alice, bob = sign_in("alice"), sign_in("bob")
    monkeypatch.setattr(avatar, "WAIT", 0.1)
    answers = []

    def long(_data):
        answers.append(upload(bob, encoded(plain())))
        raise pictures.PictureError

    with monkeypatch.context() as patch, ThreadPoolExecutor(1):
        patch.setattr(pictures, "convert", long)
        assert upload(alice, encoded(plain())).status_code == 400
    assert answers[0].get_json()["error"] == "service_unavailable"
    assert int(answers[0].headers["Retry-After"]) > 0
    assert stored() == 0
    assert upload(bob, encoded(plain())).status_code == 200
