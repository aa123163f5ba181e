"""Text as one string, split once: the first 90 % of the characters to train, the rest to validate.

Splitting comes before any window is cut, so no training window reaches into the validation text.
"""

from dataclasses import dataclass
from pathlib import Path

from course_utils.data.files import check_name, read_file, say_stand_in
from course_utils.data.sources import FILES, DataMissing

LARGEST = 50_000_000  # bytes of a text of yours; its tokens alone take eight times as much memory
TRAIN_SHARE = 0.9  # as in karpathy/char-rnn's descendants, so that losses can be compared


@dataclass(frozen=True)
class Text:
    name: str  # what was really loaded: "tinyshakespeare", "python-docs" or the name of a file
    train: str
    validation: str


def load_text(name: str) -> Text:
    """Load "tinyshakespeare" or "python-docs", or a UTF-8 file of yours by its path ("book.txt").

    The help pages of Python stand in where the plays of Shakespeare are missing. Lines end in "\\n"
    on every system. Any other name, a missing file, one that is no UTF-8 text, has fewer than 2
    characters or more than 50 MB raises ValueError.
    """
    if "." in name or "/" in name or "\\" in name:
        return _split(Path(name).stem, _own_file(Path(name)))
    check_name("text", name, ("tinyshakespeare", "python-docs"))
    if name == "tinyshakespeare":
        try:
            (file,) = FILES["tinyshakespeare"]
            return _split(name, read_file(file).decode("utf-8"))
        except DataMissing as reason:
            say_stand_in("tinyshakespeare", "python-docs (the help pages of Python)", reason)
    return _split("python-docs", _python_docs())


def _own_file(path: Path) -> str:
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise ValueError(f"{path} is not a file; give the path of a text file")
        if size > LARGEST:
            raise ValueError(
                f"{path} has {size / 1e6:,.0f} MB, more than the {LARGEST / 1e6:.0f} MB that fit "
                "into memory as tokens; cut a piece out of it"
            )
        text = path.read_text(encoding="utf-8-sig")  # without the mark that Windows puts in front
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is no UTF-8 text ({error.reason} at byte {error.start}); "
            "save it again with the encoding UTF-8"
        ) from error
    except OSError as error:
        raise ValueError(
            f"{path} cannot be read: {error.strerror}; give the path of a text "
            "file, or one of the names tinyshakespeare, python-docs"
        ) from error
    if "\0" in text:  # what UTF-16 looks like, and a program
        raise ValueError(
            f"{path} is no text: it has NUL characters; save it again with the encoding UTF-8"
        )
    if len(text) < 2:
        raise ValueError(f"{path} has {len(text)} characters; give a longer text")
    return text


def _python_docs() -> str:
    """The help pages of this Python, some 460,000 characters, in the order of their titles.

    They come with Python and change a little from version to version.
    """
    from pydoc_data.topics import topics  # a large module, so only where it is needed

    return "\n\n".join(topics[title].strip() for title in sorted(topics)) + "\n"


def _split(name: str, text: str) -> Text:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    cut = int(TRAIN_SHARE * len(text))
    return Text(name, text[:cut], text[cut:])
