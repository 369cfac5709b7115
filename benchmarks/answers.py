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
    length = _length(received, head, end + len(END_OF_HEAD))
    if length is None or len(received) < length:
        return None
    if len(received) > length:
        raise BadAnswer("more than was announced")
    return Answer(
        head[9:12].decode(), _header(head, b"connection") == b"close", _seconds(_header(head, b"retry-after"))
    )


def _length(received: bytes | bytearray, head: bytes, body: int) -> int | None:
    """Of the whole answer in bytes; None while that is not known. Raises BadAnswer."""
    length = _header(head, b"content-length")
    if length.isdigit():
        return body + int(length)
    if _header(head, b"transfer-encoding") != b"chunked":
        raise BadAnswer("no length")
    return _end_of_chunks(received, body)


def _end_of_chunks(received: bytes | bytearray, at: int) -> int | None:
    """Behind the last chunk, which is empty and has no trailers. Raises BadAnswer."""
    while (line := received.find(b"\r\n", at)) >= 0:
        try:
            size = int(bytes(received[at:line]).partition(b";")[0], 16)
        except ValueError:
            raise BadAnswer("no chunk's size") from None
        at = line + 2 + size + 2
        if size == 0:
            return at
    return None


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
