"""The download, against a server on this machine; the real network is never used."""

import gzip
import hashlib
import shutil
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from course_utils.commands.data import probe
from course_utils.data.download import certificates, fetch
from course_utils.data.sources import FILES, DataMissing, RemoteFile

CONTENT = bytes(range(256)) * 400  # 102,400 bytes
NOWHERE = "http://127.0.0.1:9/file"  # nobody listens on the discard port
PAGE = b"<html>Sign in to this network</html>"


class Handler(BaseHTTPRequestHandler):
    bodies = {
        "/good": CONTENT,
        "/packed": gzip.compress(CONTENT),
        "/page": PAGE,
        "/wrong": CONTENT[::-1],
        "/packed-wrong": gzip.compress(CONTENT)[:-500],
        "/endless": CONTENT * 3,
    }

    def do_GET(self):
        if self.path == "/busy":
            return self.send_error(503)
        if self.path == "/rude":
            return self.send_error(503, "not\x1b[31m\tnow")
        if self.path.startswith("/away"):
            self.send_response(302)
            self.send_header("Location", "http://elsewhere.invalid/file")
            return self.end_headers()
        if self.path == "/silent":
            return time.sleep(1)
        if self.path not in (*self.bodies, "/truncated", "/trickle"):
            return self.send_error(404)
        body = self.bodies.get(self.path, CONTENT)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.path == "/truncated":
            return self.wfile.write(body[:1000])
        if self.path == "/trickle":
            return self.trickle(body)
        self.wfile.write(body)

    def trickle(self, body):
        for byte in body[:20]:
            self.wfile.write(bytes([byte]))
            time.sleep(0.05)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    certificates()  # read once, so that the short limits below measure the server alone
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    httpd.server_close()


def remote(*sources):
    return RemoteFile("folder/file", len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), sources)


def files_in(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("page", ["/good", "/packed"])
def test_a_file_arrives_packed_or_not_and_is_kept(server, tmp_path, page):
    assert fetch(remote(server + page), tmp_path) == CONTENT
    assert (tmp_path / "folder/file").read_bytes() == CONTENT
    assert files_in(tmp_path) == ["file"]


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ("/page", "a web page"),
        ("/wrong", "wrong SHA-256"),
        ("/truncated", "1,000 bytes"),
        ("/packed-wrong", "instead of 102,400"),
        ("/endless", "more than 102,400 bytes"),
        ("/absent", "404"),
        ("/busy", "503"),
        ("/rude", r"503: not \[31m now\)"),
        ("/away", "not an https address"),
        ("/silent", "timed out|too slow"),
        ("/trickle", "too slow"),
    ],
)
def test_each_failure_is_named_and_leads_to_the_next_source(server, tmp_path, page, reason):
    start = time.monotonic()
    with pytest.raises(DataMissing, match=reason):
        fetch(remote(server + page), tmp_path, patience=0.5)
    assert files_in(tmp_path) == []
    assert fetch(remote(server + page, server + "/good"), tmp_path, patience=0.5) == CONTENT
    assert time.monotonic() - start < 10  # 1 s is usual, a hang is for ever


def test_without_a_network_every_source_is_named_in_one_line(tmp_path):
    with pytest.raises(DataMissing, match="127.0.0.1:9") as caught:
        fetch(remote(NOWHERE, NOWHERE), tmp_path)
    assert "\n" not in str(caught.value)


def test_plain_http_to_another_machine_is_refused(tmp_path):
    with pytest.raises(DataMissing, match="not an https address"):
        fetch(remote("http://elsewhere.invalid/file"), tmp_path)
    assert all(url.startswith("https://") for f in sum(FILES.values(), ()) for url in f.sources)


def test_every_file_has_two_sources_or_more_on_different_hosts():
    for file in sum(FILES.values(), ()):
        assert len({source.split("/")[2] for source in file.sources}) >= 2


def test_certificates_are_checked():
    context = certificates()
    assert context.verify_mode == ssl.CERT_REQUIRED and context.check_hostname


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the certificate")
def test_a_certificate_that_nobody_signed_is_refused(tmp_path):
    key, certificate = str(tmp_path / "key"), str(tmp_path / "certificate")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=a"
    outputs = ["-keyout", key, "-out", certificate]
    subprocess.run([*command.split(), *outputs], check=True, capture_output=True)
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
    threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True).start()
    with pytest.raises(DataMissing, match="CERTIFICATE_VERIFY_FAILED"):
        fetch(remote(f"https://127.0.0.1:{httpd.server_port}/good"), tmp_path / "data")
    httpd.shutdown()
    httpd.server_close()


def test_the_probe_names_every_address_that_does_not_serve_its_file(server, capsys):
    good = remote(server + "/good", server + "/packed")
    assert probe({"first": (good,)}) == 0
    assert "2 of 2 addresses" in capsys.readouterr().out
    assert probe({"first": (good,), "second": (remote(server + "/good", server + "/page"),)}) == 1
    said = capsys.readouterr().out
    assert "3 of 4 addresses" in said and f"{server}/page: " in said and "a web page" in said
