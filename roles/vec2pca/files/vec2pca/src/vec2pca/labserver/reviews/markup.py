"""HTML in the text of a review: tags become spaces, entities characters."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser

_BREAK = re.compile(r"<br\s*/?>")


class _TextParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_starttag(self, tag: str, attrs: object = None) -> None:
        self.texts.append(" ")

    handle_startendtag = handle_endtag = handle_starttag

    def set_cdata_mode(self, *_: object, **__: object) -> None:
        """Read on as before: behind a <script> or <style> left open, the rest of a review would be lost with it.

        Releases of Python also differ in what other elements they take for such.
        """

    def error(self, message: str) -> None:  # Python 3.9 has it in a base class
        raise ValueError(message)


def without_html(text: str) -> str:
    """Return `text` with its tags as spaces and its entities decoded; as it is where it breaks the parser.

    "<![" begins what HTML has none of, and releases of Python differ in what they make of it.
    """
    if "<" in text:  # most reviews have line breaks for their only markup; the parser takes longer to find them
        text = _BREAK.sub(" ", text)
    if ("<" not in text and "&" not in text) or "<![" in text:
        return text
    # What a tag that is never closed becomes differs between releases of Python: here it stays what it is
    left_open = text.find("<", text.rfind(">") + 1)
    end = left_open if left_open >= 0 else len(text)
    parser = _TextParser()
    try:
        parser.feed(text[:end])
        parser.close()
    except (AssertionError, ValueError, RecursionError):
        return text
    return "".join(parser.texts) + unescape(text[end:])
