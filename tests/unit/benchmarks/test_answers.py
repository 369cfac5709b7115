from __future__ import annotations

import pytest

from benchmarks.answers import Answer, BadAnswer, whole_answer

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\n{\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n"


@pytest.mark.parametrize("answer", [WHOLE, CHUNKED])
def test_an_answer_that_is_not_all_there_is_waited_for(answer: bytes) -> None:
    assert [whole_answer(answer[:length]) for length in range(len(answer))] == [None] * len(answer)


@pytest.mark.parametrize("answer", [WHOLE, CHUNKED])
def test_a_whole_answer_gives_its_status(answer: bytes) -> None:
    assert whole_answer(answer) == Answer("200", closes=False, retry_after=0.0)


def test_a_refusal_says_when_to_come_again_and_that_the_connection_ends() -> None:
    refusal = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 2\r\nCONNECTION: Close\r\ncontent-length: 0\r\n\r\n"

    assert whole_answer(bytearray(refusal)) == Answer("429", closes=True, retry_after=2.0)


@pytest.mark.parametrize(
    "received",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}\r\n",
        CHUNKED + b"{",
        b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\n{}",
        WHOLE + b"{",
    ],
)
def test_an_answer_whose_end_cannot_be_known_is_none(received: bytes) -> None:
    with pytest.raises(BadAnswer):
        whole_answer(received)


def test_a_header_is_not_found_inside_anothers_name() -> None:
    received = b"HTTP/1.1 200 OK\r\nX-Content-Length: 9\r\nContent-Length: 0\r\n\r\n"

    assert whole_answer(received) == Answer("200", closes=False, retry_after=0.0)
