"""What is known of a request while it is on its way."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from threading import Event, Timer
from typing import Any

from edge.upload.clock import boot_s


class Watch:
    """Notes, for one request, when its bytes went and came, and which new socket is made for it.

    Cuts all sockets off when the head of the answer is not whole after `longest_s` seconds: each byte of it starts the
    client's own timeout anew. `overdue` tells that this happened.
    """

    def __init__(self, sockets: set[socket.socket], closing: Event, longest_s: float) -> None:
        self.reuses = False
        self.overdue = False
        self._longest_s = longest_s
        self._timer: Timer | None = None
        self._connects = False
        self.sent_s = self.heard_s = boot_s()
        self._sockets = sockets
        self._closing = closing

    def __call__(self, event: str, told: Mapping[str, Any]) -> None:
        if event == "http11.send_request_headers.started":
            self.sent_s = boot_s()
            self.reuses = not self._connects
        elif event == "connection.connect_tcp.started":
            self._connects = True
        elif event == "http11.receive_response_headers.started":
            self._timer = Timer(self._longest_s, self._cut_off_all)
            self._timer.daemon = True
            self._timer.start()
        elif event in ("http11.receive_response_headers.complete", "http11.receive_response_headers.failed"):
            self.heard_s = boot_s()
            if self._timer is not None:
                self._timer.cancel()
        elif event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._sockets.difference_update([each for each in self._sockets if each.fileno() < 0])
            new = told["return_value"].get_extra_info("socket")
            self._sockets.add(new)
            if self._closing.is_set():
                # It was not there yet when all others were cut off.
                cut_off(new)

    def _cut_off_all(self) -> None:
        self.overdue = True
        for each in tuple(self._sockets):
            cut_off(each)


def cut_off(each: socket.socket) -> None:
    """End a connection under whoever reads or writes it."""
    try:
        # Past ssl.SSLSocket.shutdown, which would take the session from under a thread that reads.
        socket.socket.shutdown(each, socket.SHUT_RDWR)
    except OSError:
        return
