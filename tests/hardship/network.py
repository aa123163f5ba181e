"""Servers that fail in every way that servers do, on this machine; the real network is not used."""

import gzip
import hashlib
import os
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from course_utils.data import sources
from course_utils.data.download import certificates, fetch
from course_utils.data.sources import DataMissing, RemoteFile
from course_utils.data.text import load_text
from tests.hardship import python

CONTENT = b"To be, or not to be, that is the question.\n" * 5000  # 215,000 bytes
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def answer(status: str, body: bytes = b"", *headers: str, length: int | None = None) -> bytes:
    """An HTTP answer; `length`: what it says of its body, where that is not the truth."""
    said = f"Content-Length: {len(body) if length is None else length}"
    return "\r\n".join([f"HTTP/1.1 {status}", said, *headers, "", ""]).encode() + body


ANSWERS = {
    "good": answer("200 OK", CONTENT),
    "forbidden": answer("403 Forbidden"),
    "absent": answer("404 Not Found"),
    "too many": answer("429 Too Many Requests"),
    "busy": answer("503 Service Unavailable"),
    "web page": answer("200 OK", b"<html>Please sign in to this network</html>"),
    "wrong bytes": answer("200 OK", CONTENT[::-1]),
    "empty": answer("200 OK"),
    "cut": answer("200 OK", CONTENT[: len(CONTENT) // 2], length=len(CONTENT)),
    "bomb": answer("200 OK", gzip.compress(bytes(50_000_000))),
    "cut gzip": answer("200 OK", gzip.compress(CONTENT)[:-20]),
    "bad chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\nhello",
    "no http": bytes(range(256)) * 300,
    "to itself": answer("302 Found", b"", "Location: /to%20itself"),
    "to a file": answer("302 Found", b"", "Location: file:///etc/passwd"),
    "to plain http": answer("301 Moved", b"", "Location: http://elsewhere.invalid/file"),
}
ENDLESS = {  # a beginning, and what comes again and again
    "silent": (b"", b""),
    "trickle": (answer("200 OK", length=len(CONTENT)), b"T"),
    "header without end": (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "100 for ever": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}
FAILURES = [*(name for name in ANSWERS if name != "good"), *ENDLESS]


class Handler(socketserver.StreamRequestHandler):
    flaky = count()

    def handle(self) -> None:
        name = self.rfile.readline().split()[1].decode()[1:].replace("%20", " ")
        while self.rfile.readline().strip():
            pass
        if name == "flaky":
            name = ("cut", "good", "busy", "good")[next(self.flaky) % 4]
        try:
            if name in ENDLESS:
                begin, again = ENDLESS[name]
                self.wfile.write(begin)
                for _ in range(200):  # 20 s
                    self.wfile.write(again)
                    time.sleep(0.1)
                return
            self.wfile.write(ANSWERS[name])
            if name == "cut":  # reset the connection, as a router does that restarts
                self.request.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
        except OSError:
            pass  # the reader has gone


@contextmanager
def server() -> Iterator[str]:
    """The address of a server that fails as its path says."""
    certificates()
    os.environ["no_proxy"] = "127.0.0.1"
    httpd = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{httpd.server_address[1]}"
    finally:
        httpd.shutdown()


def remote(*addresses: str) -> RemoteFile:
    """The file, from these addresses."""
    addresses = tuple(address.replace(" ", "%20") for address in addresses)
    return RemoteFile("tinyshakespeare.txt", len(CONTENT), SHA256, addresses)


def each_failure(folder: Path) -> str:
    """Every failure alone is named in a line; before a good address it does not matter."""
    slowest, wrong = 0.0, []
    with server() as address:
        for name in FAILURES:
            start = time.monotonic()
            try:
                fetch(remote(f"{address}/{name}"), folder, patience=1)
                wrong.append(f"{name}: it counts as the file")
            except DataMissing as error:
                if not str(error).isprintable():
                    wrong.append(f"{name}: not one line of words")
            assert not list(folder.rglob("*")), f"{name}: something was saved"
            both = remote(f"{address}/{name}", f"{address}/good")
            assert fetch(both, folder, patience=1) == CONTENT, name
            (folder / both.path).unlink()
            slowest = max(slowest, time.monotonic() - start)
    assert not wrong, "; ".join(wrong)
    assert slowest < 10, f"{slowest:.0f} s for one of them"
    return f"as it must; at most {slowest:.1f} s with a patience of 1 s"


def whole_layer(folder: Path) -> str:
    """`load_text` where all addresses fail, then where the last one is good."""
    kept = sources.FILES["tinyshakespeare"]
    before = {name: os.environ.pop(name, None) for name in ("COURSE_DATA", "COURSE_OFFLINE")}
    os.environ["COURSE_CACHE"] = str(folder)
    quick = [name for name in FAILURES if name not in ENDLESS]
    try:
        with server() as address:
            bad = [f"{address}/{name}" for name in quick]
            sources.FILES["tinyshakespeare"] = (remote(*bad),)
            assert load_text("tinyshakespeare").name == "python-docs"
            sources.FILES["tinyshakespeare"] = (remote(*bad, f"{address}/good"),)
            text = load_text("tinyshakespeare")
            assert (text.train + text.validation).encode() == CONTENT
    finally:
        sources.FILES["tinyshakespeare"] = kept
        del os.environ["COURSE_CACHE"]
        os.environ.update({name: value for name, value in before.items() if value})
    return "python-docs with all of them bad, the text with a good one after them"


FETCHER = """
import sys
from pathlib import Path
from course_utils.data.download import fetch
from tests.hardship.network import CONTENT, remote
folder = Path(sys.argv[2])
for _ in range(20):
    assert fetch(remote(*sys.argv[1].split()), folder) == CONTENT
    assert (folder / "tinyshakespeare.txt").read_bytes() == CONTENT
"""


def eight_processes(folder: Path) -> str:
    """Eight at a time fetch one file into one cache, from a server that drops every other one."""
    with server() as address:
        two = f"{address}/flaky {address}/flaky {address}/good"
        workers = [python(FETCHER, two, str(folder)) for _ in range(8)]
        ends = [worker.communicate(timeout=300) for worker in workers]
    assert not any(worker.returncode for worker in workers), [err[-300:] for _, err in ends]
    assert os.listdir(folder) == ["tinyshakespeare.txt"]
    return "160 whole files, never half of one, nothing left beside it"
