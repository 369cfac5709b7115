"""HTTP/1.1 answers as the load generator reads them: the status, and where the answer ends."""

from __future__ import annotations

from dataclasses import dataclass

END_OF_HEAD = b"\r\n\r\n"


class BadAnswer(Exception):
    """Bytes that are no answer, or one whose end cannot be known."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; `retry_after` in seconds, 0 where nothing is said."""

    status: str
    closes: bool
    retry_after: float


def whole_answer(received: bytes | bytearray) -> Answer | None:
    """What was answered; None while more has to come. Raises BadAnswer."""
    end = received.find(END_OF_HEAD)
    if end < 0:
        return None
    head = bytes(received[:end]).lower()
    if not head.startswith(b"http/1.1 ") or not head[9:12].isdigit():
        raise BadAnswer("no status line")
    length = _header(head, b"content-length")
    if not length.isdigit():
        raise BadAnswer("no content length")
    missing = end + len(END_OF_HEAD) + int(length) - len(received)
    if missing > 0:
        return None
    if missing < 0:
        raise BadAnswer("more than was announced")
    return Answer(
        head[9:12].decode(), _header(head, b"connection") == b"close", _seconds(_header(head, b"retry-after"))
    )


def _header(head: bytes, name: bytes) -> bytes:
    """A header's value in lower case; empty where it is absent."""
    at = head.find(b"\r\n" + name + b":")
    if at < 0:
        return b""
    start = at + len(name) + 3
    end = head.find(b"\r\n", start)
    return (head[start:] if end < 0 else head[start:end]).strip()


def _seconds(value: bytes) -> float:
    return float(value) if value.isdigit() else 0.0
