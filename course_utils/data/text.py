"""Text as one string, split once: the first 90 % of the characters to train, the rest to validate.

Splitting comes before any window is cut, so no training window reaches into the validation text.
"""

from dataclasses import dataclass

from course_utils.data.files import check_name, read_file, say_stand_in
from course_utils.data.sources import FILES, DataMissing

TRAIN_SHARE = 0.9  # as in karpathy/char-rnn's descendants, so that losses can be compared


@dataclass(frozen=True)
class Text:
    name: str  # what was really loaded: "tinyshakespeare" or "python-docs"
    train: str
    validation: str


def load_text(name: str) -> Text:
    """Load "tinyshakespeare" or "python-docs"; the second stands in where the first is missing.

    Lines end in "\\n" on every system. Raises ValueError for any other name.
    """
    check_name("text", name, ("tinyshakespeare", "python-docs"))
    if name == "tinyshakespeare":
        try:
            (file,) = FILES["tinyshakespeare"]
            return _split(name, read_file(file).decode("utf-8"))
        except DataMissing as reason:
            say_stand_in("tinyshakespeare", "python-docs (the help pages of Python)", reason)
    return _split("python-docs", _python_docs())


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
