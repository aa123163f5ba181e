"""The only network code of the course: one file, from the first address that serves it right.

Why not pooch: it knows one address per file, sets no limit on the whole time, does not go on to
another address when the hash is wrong, and cannot do without a writable folder. `urllib`, a thread
and a clock do all that. Certificates are always checked, against the system's list and certifi's
(Python on macOS may come without any).
"""

import functools
import os
import queue
import secrets
import ssl
import threading
import time
import urllib.request
import zlib
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit

import certifi

from course_utils.data.sources import DataMissing, RemoteFile

PATIENCE = 10.0  # seconds that a source may take before its first byte
SLOWEST = 20_000  # bytes per second: each byte that arrives buys 1 / SLOWEST seconds more


def fetch(file: RemoteFile, folder: Path, patience: float = PATIENCE) -> bytes:
    """Download a file into `folder` and return its content; raises DataMissing.

    Any failure of a source, the wrong hash included, leads to the next one. A folder that cannot
    be written to costs one printed line: the content is returned all the same.
    """
    failures = []
    for address in file.sources:
        host = urlsplit(address).netloc
        print(f"Downloading {file.name} from {host}", flush=True)
        try:
            content = _unpack(_download(address, file, patience), file)
            problem = file.problem_with(content)
        except Exception as error:  # whatever it is, the next source may work
            reason = error.reason if type(error) is URLError else error
            problem = _one_line(str(reason) or repr(error))
        if problem is None:
            _save(content, folder / file.path)
            return content
        failures.append(f"{host}: {problem}")
    raise DataMissing(f"no source served it ({'; '.join(failures)})")


def _one_line(words: str) -> str:
    """Words of a stranger, without line breaks and control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in words).split())


def _save(content: bytes, target: Path) -> None:
    """Write under a name of our own, then rename: nobody ever sees half a file."""
    draft = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            draft.write_bytes(content)
            os.replace(draft, target)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        if os.path.isfile(target) and os.path.getsize(target) == len(content):
            return  # Windows: another process was first, and somebody is reading its file
        print(
            f"{target} cannot be saved ({error.strerror or error}), so it is kept in memory. Let "
            "COURSE_CACHE name a folder that has space and that you may write to.",
            flush=True,
        )


def _unpack(content: bytes, file: RemoteFile) -> bytes:
    """Undo gzip where the content is packed; stops one byte after the expected size."""
    if content[:2] != b"\x1f\x8b":
        return content
    return zlib.decompressobj(wbits=31).decompress(content, file.size + 1)


def _download(address: str, file: RemoteFile, patience: float) -> bytes:
    """What one address serves, or an exception; it ends in time whatever the host does.

    Socket timeouts alone do not cover the look-up of a name, and let a host that sends a byte a
    second keep us for days. So a thread receives, and we watch the clock.
    """
    arrived: queue.Queue[bytes | Exception] = queue.Queue()
    given_up = threading.Event()
    timeout = patience / 2  # seconds per operation: a host's second IP address gets its turn
    arguments = (address, arrived, given_up, timeout)
    threading.Thread(target=_receive, args=arguments, daemon=True).start()
    content = bytearray()
    start = time.monotonic()
    try:
        while True:
            left = start + patience + len(content) / SLOWEST - time.monotonic()
            chunk = arrived.get(timeout=max(left, 0.0))
            if isinstance(chunk, Exception):
                raise chunk
            if not chunk:
                return bytes(content)
            content += chunk
            if len(content) > file.size + 65_536:  # packing never adds that much
                raise ValueError(f"more than {file.size:,} bytes")
    except queue.Empty:
        seconds = time.monotonic() - start
        raise TimeoutError(f"too slow, {len(content):,} bytes in {seconds:.1f} s") from None
    finally:
        given_up.set()


def _receive(address: str, arrived: queue.Queue, given_up: threading.Event, timeout: float) -> None:
    """Put the answer into the queue piece by piece, then b"" or the exception that ended it."""
    try:
        _refuse_plain_http(address)
        https = urllib.request.HTTPSHandler(context=certificates())
        opener = urllib.request.build_opener(https, _SafeRedirects)
        request = urllib.request.Request(address, headers={"User-Agent": "course_utils"})
        with opener.open(request, timeout=timeout) as response:
            while not given_up.is_set() and (chunk := response.read1(65_536)):
                arrived.put(chunk)
        arrived.put(b"")
    except Exception as error:
        arrived.put(error)


@functools.cache  # reading the lists takes some 0.2 s
def certificates() -> ssl.SSLContext:
    """The checks of a connection: the certificate must be valid and name the host."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def _refuse_plain_http(address: str) -> None:
    parts = urlsplit(address)
    if parts.scheme != "https" and parts.hostname != "127.0.0.1":  # this machine: for the tests
        raise ValueError(f"{address} is not an https address")


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req, fp, code, msg, headers, newurl):
        _refuse_plain_http(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)
