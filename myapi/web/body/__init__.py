"""The body of a request: parsed strictly, and if refused, with what is wrong in which field."""

from myapi.web.body.find_errors import errors_in
from myapi.web.body.parse import convert, parse_body, read_body

__all__ = ["convert", "errors_in", "parse_body", "read_body"]
