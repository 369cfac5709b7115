"""A network between a box and its gateway that fails at random: connections refused, cut at any byte, stalled."""

from __future__ import annotations

import random
import socket
import threading
import time
from contextlib import suppress


class LossyNetwork:
    """Passes bytes from a port of its own on to a gateway's; `healed` makes it a good network."""

    def __init__(self, gateway_port: int, seed: int) -> None:
        self.healed = False
        self.faults = 0
        self._gateway = ("127.0.0.1", gateway_port)
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"

    def __enter__(self) -> LossyNetwork:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        # close() alone leaves a thread in accept().
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _fate(self) -> tuple[str, int]:
        """What becomes of a connection, and after how many bytes."""
        with self._lock:
            fate = self._chance.choices(["well", "refused", "cut there", "cut back", "stalled"], [8, 2, 4, 4, 1])[0]
            if self.healed:
                fate = "well"
            self.faults += fate != "well"
            return fate, self._chance.randrange(1, 60_000 if fate == "cut there" else 3_000)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        fate, after = self._fate()
        if fate == "stalled":
            time.sleep(0.3)
        if fate in ("refused", "stalled"):
            client.close()
            return
        with suppress(OSError), client, socket.create_connection(self._gateway) as gateway:
            there = threading.Thread(target=_pass, args=(client, gateway, after if fate == "cut there" else None))
            there.start()
            _pass(gateway, client, after if fate == "cut back" else None)
            there.join()


def _pass(source: socket.socket, sink: socket.socket, most: int | None) -> None:
    """Carry bytes until the source ends, or `most` bytes have passed; then end both ways at once."""
    passed = 0
    with suppress(OSError):
        while data := source.recv(16_384):
            if most is not None and passed + len(data) > most:
                sink.sendall(data[: most - passed])
                break
            sink.sendall(data)
            passed += len(data)
    for each in (source, sink):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
