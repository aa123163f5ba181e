"""What the course can fetch: every file, its size, its SHA-256 and the addresses that serve it.

Size and hash are those of the **unpacked** file, so any mirror will do, packed with gzip or not.
When an address dies, this is the only file to change.

MNIST: Y. LeCun, C. Cortes, C. Burges. Tiny Shakespeare: collected by A. Karpathy (2015) from
plays in the public domain.
"""

import hashlib
from dataclasses import dataclass


class DataMissing(OSError):
    """No good copy of a file was found; the message says where we looked and what went wrong."""


@dataclass(frozen=True)
class RemoteFile:
    path: str  # place inside a data folder, with "/" on every system
    size: int  # bytes, unpacked
    sha256: str  # of the unpacked file
    sources: tuple[str, ...]  # https addresses, tried in this order

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    def problem_with(self, content: bytes) -> str | None:
        """What is wrong with this content, in words; None when it is the file."""
        if len(content) != self.size:
            page = ", a web page" if content.lstrip()[:1] == b"<" else ""
            return f"{len(content):,} bytes{page} instead of {self.size:,}"
        if hashlib.sha256(content).hexdigest() != self.sha256:
            return "right size, wrong SHA-256"
        return None


_MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://raw.githubusercontent.com/fgnt/mnist/master/",
)


def _mnist_file(name: str, size: int, sha256: str) -> RemoteFile:
    sources = tuple(f"{mirror}{name}.gz" for mirror in _MNIST_MIRRORS)
    return RemoteFile(f"MNIST/raw/{name}", size, sha256, sources)


FILES: dict[str, tuple[RemoteFile, ...]] = {
    "mnist": (
        _mnist_file(
            "train-images-idx3-ubyte",
            47_040_016,
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        _mnist_file(
            "train-labels-idx1-ubyte",
            60_008,
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
        _mnist_file(
            "t10k-images-idx3-ubyte",
            7_840_016,
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        _mnist_file(
            "t10k-labels-idx1-ubyte",
            10_008,
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ),
    "tinyshakespeare": (
        RemoteFile(
            "tinyshakespeare.txt",
            1_115_394,
            "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            (
                "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
                "https://cdn.jsdelivr.net/gh/karpathy/char-rnn@master/data/tinyshakespeare/input.txt",
                "https://storage.googleapis.com/download.tensorflow.org/data/shakespeare.txt",
            ),
        ),
    ),
}
