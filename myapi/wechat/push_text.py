"""Read the JSON or XML that WeChat pushes; which of them is a setting in its console."""

import json
from xml.parsers import expat

#: The most elements of XML within one another.
MAX_DEPTH = 8


class PushRefused(Exception):  # noqa: N818 - named for what happened
    """The push is not WeChat's, or cannot be read. The text is for the log, and has no secret."""


def parse(text: bytes) -> dict[str, object]:
    """Return the object. Raises PushRefused.

    JSON and XML are told apart by the first byte: neither a header nor a setting is reliable.
    """
    value = _Xml().read(text) if text.lstrip()[:1] == b"<" else _json(text)
    if not isinstance(value, dict):
        raise PushRefused("neither a JSON object nor XML")
    return value


def _json(text: bytes) -> object:
    try:
        value: object = json.loads(text.decode(), object_pairs_hook=_unique)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return None
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a name is given twice")
    return dict(pairs)


class _Xml:
    """Makes a dict of the root's children: texts, or dicts; several of one name are a list."""

    def __init__(self) -> None:
        self._root: dict[str, object] = {}
        self._open: list[tuple[str, dict[str, object], list[str]]] = []

    def read(self, text: bytes) -> object:
        """Return the dict, or None if this is no XML. Raises PushRefused."""
        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = self._refuse  # no entities, so none that expand
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        try:
            parser.Parse(text, True)
        except (expat.ExpatError, ValueError, LookupError):
            return None
        return self._root

    def _refuse(self, *_arguments: object) -> None:
        raise PushRefused("XML with a DOCTYPE")

    def _start(self, name: str, _attributes: object) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise PushRefused("the XML is too deep")
        self._open.append((name, {}, []))

    def _text(self, text: str) -> None:
        self._open[-1][2].append(text)

    def _end(self, _name: str) -> None:
        name, children, texts = self._open.pop()
        if not self._open:
            self._root = children
            return
        value: object = children or "".join(texts).strip()
        siblings = self._open[-1][1]
        if name not in siblings:
            siblings[name] = value
        elif isinstance(before := siblings[name], list):
            before.append(value)
        else:
            siblings[name] = [before, value]
