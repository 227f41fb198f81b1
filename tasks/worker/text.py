"""Text from handlers, made fit to be stored."""

_MARK = "… [cut]"
_MARK_BYTES = len(_MARK.encode())


def storable(text: str) -> str:
    """Return the text with U+FFFD in place of what PostgreSQL refuses: NUL characters and lone surrogates.

    Two surrogates that form a pair become the character they stand for.
    """
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def cut(text: str, limit: int) -> str:
    """Return the text, or as much of it as fits into `limit` bytes of UTF-8 before a mark that says so."""
    if len(text) * 4 <= limit:
        return text
    stored = text.encode()
    if len(stored) <= limit:
        return text
    return stored[: max(limit - _MARK_BYTES, 0)].decode(errors="ignore") + _MARK
