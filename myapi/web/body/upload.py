"""Read the one file of a multipart/form-data body, as `wx.uploadFile` sends it."""

from io import BytesIO
from typing import NamedTuple

from flask import current_app, request
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import ClientDisconnected, HTTPException
from werkzeug.formparser import FormDataParser

from myapi.web.errors import ApiError
from myapi.web.field_errors import FieldError

MULTIPART = "multipart/form-data"
OVERHEAD = 2**14  # bytes of a body beside its file: boundaries, headers, other fields
IN_HAND = 2**18  # bytes of a body that are parsed at a time, or are no file
PARTS = 16  # fields and files


class File(NamedTuple):
    """A file that a route takes. Other fields, the `formData` of wx.uploadFile, are ignored."""

    field: str  # the `name` of wx.uploadFile
    max_bytes: int
    invalid: str  # the error of a body that has not exactly one such file
    description: str  # for the API description

    @property
    def max_body_bytes(self) -> int:
        return self.max_bytes + OVERHEAD


def check_media_type() -> None:
    """Raise `unsupported_media_type` unless the body is one that can have a file."""
    if request.mimetype != MULTIPART or request.content_encoding not in {None, "identity"}:
        wrong = FieldError(
            "",
            "format",
            MULTIPART,
            msg="Send the body as multipart/form-data, as wx.uploadFile does.",
            msg_zh="请以 multipart/form-data 发送请求体，即使用 wx.uploadFile。",
        )
        raise ApiError("unsupported_media_type", fields=[wrong])


def read_file(file: File) -> bytes:
    """Read and parse the body of this request, in memory; raise `ApiError` if it is not right."""
    files = _parse(max(file.max_body_bytes, current_app.config["MAX_CONTENT_LENGTH"]), file.invalid)
    found = list(files.items(multi=True))
    if [name for name, _ in found] != [file.field]:
        raise ApiError(file.invalid, reason=f"{len(found)} files")
    data: bytes = found[0][1].read()
    if len(data) > file.max_bytes:
        raise ApiError("payload_too_large")
    return data


def _parse(limit: int, invalid: str) -> MultiDict[str, FileStorage]:
    request.max_content_length = limit
    parser = FormDataParser(
        stream_factory=lambda *_, **__: BytesIO(),
        max_form_memory_size=IN_HAND,
        max_content_length=limit,
        max_form_parts=PARTS,
        silent=False,
    )
    try:
        _, _, files = parser.parse(
            request.stream, MULTIPART, request.content_length, request.mimetype_params
        )
    except ClientDisconnected:
        raise _cut_off() from None
    except HTTPException:
        raise
    except ValueError as error:
        if _is_cut_off():
            raise _cut_off() from None
        raise ApiError(invalid, reason=str(error)) from None
    except Exception:  # servers raise different exceptions for a bad chunk or trailer
        raise _cut_off() from None
    return files


def _is_cut_off() -> bool:
    """Whether the body ended early. The parser also stops early where it is malformed."""
    try:
        more = request.stream.read(1)
    except Exception:  # as above
        return True
    return not more and request.stream.tell() < (request.content_length or 0)


def _cut_off() -> ApiError:
    return ApiError("invalid_request", fields=[FieldError("", "cut_off")])
