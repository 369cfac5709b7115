"""A connection to the gateway that is kept open, goes to the next address, and can be cut off at any moment."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from threading import Condition, Event, Thread

import httpx

from edge.errors import Problem, TryLater
from edge.upload.addresses import Addresses, place
from edge.upload.tls import tls_for
from edge.upload.watch import Watch, cut_off

Content = Callable[[], bytes | Iterable[bytes]]
"""Makes the body anew for each address that it is sent to."""

ELSEWHERE = frozenset({502, 503, 504})
"""A gateway that says so, and not when to come back, is tried at its next address at once."""
UNANSWERED = "sent, but not answered"
"""The title of a problem: somebody took the connection, unlike with a dead network."""
_MOST_BYTES = 1 << 20
_CONNECT_S = 5.0
_IDLE_CONNECTION_S = 300.0
_QUOTED_BYTES = 200
_END_S = 0.5
_GRACE_S = 1.0
"""A silent gateway ends by its timeout; this much later one that is forever about to answer."""
_KEPT_ALIVE = [
    # A line that died while nothing was said is found dead before the next visitor, not by him.
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 20),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a gateway answered; `sent_s` and `heard_s` on the boot clock, at the first bytes of request and answer."""

    status: int
    reason: str
    headers: httpx.Headers
    body: bytes
    sent_s: float
    heard_s: float

    @property
    def json(self) -> object:
        """The body, or None where it is no JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    @property
    def quote(self) -> str:
        """The beginning of the body, in one line."""
        return " ".join(self.body[:_QUOTED_BYTES].decode(errors="replace").split())


class Connection:
    """Asks the gateway, at whichever of its addresses answers. Never follows a redirect: the key is for nobody else.

    `home_s` is how often the first address is asked, in a thread of its own, while another one is in use.
    """

    def __init__(
        self,
        addresses: Addresses,
        tls: ssl.SSLContext | None = None,
        *,
        timeout_s: float = 10.0,
        home_s: float = 60.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """`tls` is made where it is missing and needed. Nothing is taken from the environment, proxies neither."""
        tls = tls or tls_for(addresses)
        self.closing = Event()
        self._addresses = addresses
        self._timeout_s = timeout_s
        self._home_s = home_s
        self._sockets: set[socket.socket] = set()
        self._in_flight = 0
        self._landed = Condition()
        limits = httpx.Limits(keepalive_expiry=_IDLE_CONNECTION_S)
        self._client = httpx.Client(
            transport=transport or httpx.HTTPTransport(verify=tls, limits=limits, socket_options=_KEPT_ALIVE),
            timeout=httpx.Timeout(timeout_s, connect=min(timeout_s, _CONNECT_S)),
            headers={"User-Agent": "doorbell-edge", "Accept-Encoding": "identity"},
            trust_env=False,
        )

    def close(self) -> None:
        """End now: a request in flight, in whichever thread, fails with TryLater within a moment."""
        self.closing.set()
        for each in tuple(self._sockets):
            cut_off(each)
        with self._landed:
            # A file opened meanwhile could get the number of a socket that is closed under its reader.
            landed = self._landed.wait_for(lambda: not self._in_flight, _END_S)
        if landed:
            self._client.close()

    def ask(self, method: str, path: str, headers: Mapping[str, str], content: Content = bytes) -> Answer:
        """Return the first answer worth having, of whichever status. Raises TryLater when no address gave any."""
        evasive: Answer | None = None
        silent: TryLater | None = None
        for url in self._addresses.in_order():
            try:
                answer = self._ask_again_if_stale(method, _under(url, path), headers, content)
            except TryLater as failure:
                silent = silent or failure
                continue
            if answer.status in ELSEWHERE and "Retry-After" not in answer.headers:
                evasive = answer
                continue
            if self._addresses.use(url) and url != self._addresses.first:
                Thread(target=self._come_home, name="gateway-home", daemon=True).start()
            return answer
        if evasive is not None:
            return evasive
        raise silent or TryLater(problem("no answer", "there is no address to ask"))

    def _ask_again_if_stale(self, method: str, url: httpx.URL, headers: Mapping[str, str], content: Content) -> Answer:
        """A server may close a kept connection in the very moment it is used: that says nothing about the server."""
        watch = self._watch()
        try:
            return self._ask_at(method, url, headers, content, watch)
        except TryLater as failure:
            stale = watch.reuses and not watch.overdue
            if not stale or not isinstance(failure.__cause__, httpx.NetworkError | httpx.RemoteProtocolError):
                raise
        return self._ask_at(method, url, headers, content, self._watch())

    def _watch(self) -> Watch:
        return Watch(self._sockets, self.closing, self._timeout_s + _GRACE_S)

    def _ask_at(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], content: Content, watch: Watch
    ) -> Answer:
        with self._landed:
            self._in_flight += 1
        try:
            if self.closing.is_set():
                raise TryLater(problem("no answer", "the connection is closed"))
            request = self._client.build_request(
                method, url, headers=dict(headers), content=content() or None, extensions={"trace": watch}
            )
            response = self._client.send(request, stream=True)
            try:
                return _read(response, watch, self._timeout_s)
            finally:
                response.close()
        except httpx.RequestError as error:
            raise TryLater(_explained(url, error)) from error
        finally:
            with self._landed:
                self._in_flight -= 1
                self._landed.notify_all()

    def _come_home(self) -> None:
        """Ask the first address now and then, so that no frame has to wait for one that is dead."""
        first = self._addresses.first
        while not self.closing.wait(self._home_s) and not self._addresses.at_first:
            try:
                answer = self._ask_at("GET", _under(first, "/api/health"), {}, bytes, self._watch())
            except TryLater:
                continue
            if answer.status == httpx.codes.OK and isinstance(answer.json, dict):
                self._addresses.use(first)


def problem(title: str, detail: str, status: int | None = None) -> Problem:
    """Return a problem of RFC 9457."""
    told: Problem = {"type": "about:blank", "title": title, "detail": detail}
    return told if status is None else told | {"status": status}


def _under(url: httpx.URL, path: str) -> httpx.URL:
    return url.copy_with(path=url.path.rstrip("/") + path, query=None)


def _read(response: httpx.Response, watch: Watch, timeout_s: float) -> Answer:
    """Read no more, and no longer, than an answer of ours can take: a stranger's page may have no end."""
    body = bytearray()
    until_s = time.monotonic() + timeout_s
    # None was asked for, and a page may swell a thousandfold when it is unpacked.
    response.headers.pop("Content-Encoding", None)
    for piece in response.iter_bytes():
        body += piece
        if len(body) > _MOST_BYTES or time.monotonic() > until_s:
            raise TryLater(problem("an answer without an end", f"{len(body)} bytes so far", response.status_code))
    heard_s = max(watch.heard_s, watch.sent_s)
    return Answer(response.status_code, response.reason_phrase, response.headers, bytes(body), watch.sent_s, heard_s)


def _explained(url: httpx.URL, error: httpx.RequestError) -> Problem:
    told = f"{place(url)}: {type(error).__name__}: {' '.join(str(error).split())}"
    if "CERTIFICATE_VERIFY_FAILED" in told:
        return problem("the gateway's certificate is not trusted", f"{told} ; see gateway.ca_file")
    if "ALERT" in told:
        return problem("the gateway accepts no certificate of ours", f"{told} ; see gateway.certificate_file")
    lost = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    return problem("no answer" if lost else UNANSWERED, told)
