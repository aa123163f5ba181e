"""Tokens for every text: bytes, and the frequent pieces of a text by byte-pair encoding.

As in `models/tokenizer.py`: `vocab_size`, `encode(text) -> (n,) int64`, `decode(tokens) -> text`,
and decode(encode(text)) == text.

Byte-pair encoding: Gage 1994 (compression); Sennrich et al. 2016, arXiv 1508.07909 (tokens);
Radford et al. 2019, GPT-2 (on bytes, in words cut by a pattern).
"""

import heapq
import json
import os
import re
import reprlib
import sys
import tempfile
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

SPACES = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"  # White_Space
MOST_BYTES = 100_000_000  # of all tokens together: merges from a file may double a token each
FORMAT = "byte-pair merges"
BYTES = [bytes([i]) for i in range(256)]


class ByteTokenizer:
    """One number for each byte of the text in UTF-8: no text is unknown, 256 numbers are enough."""

    vocab_size = 256

    def encode(self, text: str) -> Tensor:
        """Text -> (n,) int64, n being the number of bytes. Half a character raises ValueError."""
        return torch.tensor(list(to_bytes(text)), dtype=torch.int64)

    def decode(self, tokens: Tensor) -> str:
        """(n,) -> text. Bytes that are no character become the replacement mark U+FFFD."""
        return bytes(_numbers(tokens, self.vocab_size)).decode("utf-8", errors="replace")


def to_bytes(text: str) -> bytes:
    """The text in UTF-8; a lone surrogate, which is half a character, raises ValueError."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{text[error.start]!r} at place {error.start} is a lone surrogate, half a character, "
            "which UTF-8 cannot write; decode the file as UTF-8 or leave this character out"
        ) from error


@cache
def _splitter(ascii_only: bool) -> re.Pattern[str]:
    """GPT-2's pattern (Radford et al. 2019) for `re`, which knows neither letters nor numbers.

    In `re`, \\w also holds fractions and Roman numerals, which GPT-2 counts as numbers, and \\s
    also U+001C to U+001F, so both are spelled out. A character that one of two programs
    does not know yet, as its Unicode is older, may be cut in another way. A text of ASCII alone
    gets the same pattern with short classes, which is ten times faster.
    """
    if ascii_only:
        letter, number, space = "[A-Za-z]", "[0-9]", r"\t-\r "
    else:
        every = map(chr, range(sys.maxunicode + 1))
        others = "".join(c for c in every if c.isalnum() and not c.isalpha() and not c.isdecimal())
        letter, number, space = rf"[^\W\d_{others}]", rf"[\d{others}]", SPACES
    return re.compile(
        rf"'(?:[stmd]|re|ve|ll)| ?{letter}+| ?{number}+| ?(?:[^\w{space}]|_)+"
        rf"|[{space}]+(?![^{space}])|[{space}]+"
    )


def split_words(text: str) -> list[str]:
    """Text -> its words, whose join is the text. The space before a word belongs to the word."""
    return _splitter(text.isascii()).findall(text)


def count_pairs(words: Mapping[tuple[int, ...], int]) -> Counter[tuple[int, int]]:
    """{tokens of a word: how often the word occurs} -> how often each pair of neighbours occurs."""
    counts: Counter[tuple[int, int]] = Counter()
    for tokens, times in words.items():
        for pair in zip(tokens, tokens[1:], strict=False):
            counts[pair] += times
    return counts


def merge_pair(tokens: Sequence[int], pair: tuple[int, int], new: int) -> list[int]:
    """The tokens with `new` in place of every pair, read from left to right."""
    merged, i = [], 0
    while i < len(tokens):
        if tokens[i] == pair[0] and i + 1 < len(tokens) and tokens[i + 1] == pair[1]:
            merged.append(new)
            i += 2
        else:
            merged.append(tokens[i])
            i += 1
    return merged


def train_bpe(text: str, merges: int) -> list[tuple[int, int]]:
    """The most frequent pair becomes a new token, `merges` times: a list of pairs, in order.

    Pair i makes token 256 + i. Of pairs as frequent, the smallest numbers win. The list is shorter
    when no pair is left that occurs twice. Only the words that hold the pair are counted again.
    No two pairs make the same bytes: the cut between two tokens has been there from the start, so
    what lies between two cuts was merged as if it stood alone, which gives the same tokens always.
    """
    if merges < 0:
        raise ValueError(f"merges={merges} is negative; give 0 for plain bytes, or more")
    if not to_bytes(text):
        raise ValueError("the text is empty; pairs are counted in a text with characters")
    table = Counter(split_words(text))
    words = [list(word.encode("utf-8")) for word in table]
    index, found = _PairIndex(words, list(table.values())), []
    while len(found) < merges and (pair := index.most_frequent()) is not None:
        index.merge(pair, 256 + len(found))
        found.append(pair)
    return found


class _PairIndex:
    """How often each pair occurs and in which words, kept up to date merge by merge."""

    def __init__(self, words: list[list[int]], times: list[int]):
        self.words, self.times = words, times
        self.counts: dict[tuple[int, int], int] = {}
        self.places: dict[tuple[int, int], set[int]] = {}
        for i, (word, n) in enumerate(zip(words, times, strict=True)):
            for pair in zip(word, word[1:], strict=False):
                self.counts[pair] = self.counts.get(pair, 0) + n
                self.places.setdefault(pair, set()).add(i)
        self.heap = [(-count, pair) for pair, count in self.counts.items()]
        heapq.heapify(self.heap)

    def most_frequent(self) -> tuple[int, int] | None:
        """The pair with the largest count, if one occurs twice. Old entries are put right here."""
        while self.heap:
            count, pair = self.heap[0]
            now = self.counts.get(pair, 0)
            if now == -count and now >= 2:
                return pair
            heapq.heappop(self.heap)
            if 2 <= now < -count:
                heapq.heappush(self.heap, (-now, pair))
        return None

    def merge(self, pair: tuple[int, int], new: int) -> None:
        """Put `new` in place of the pair in every word that holds it."""
        counts, places, words = self.counts, self.places, self.words
        grown = set()
        for i in places.pop(pair):
            old, n = words[i], self.times[i]
            word = merge_pair(old, pair, new)
            if len(word) == len(old):  # an earlier merge took this pair out of the word
                continue
            words[i] = word
            for p in zip(old, old[1:], strict=False):
                counts[p] -= n
            for p in zip(word, word[1:], strict=False):
                counts[p] = counts.get(p, 0) + n
                if new in p:
                    places.setdefault(p, set()).add(i)
                    grown.add(p)
        for p in grown:
            heapq.heappush(self.heap, (-counts[p], p))


def cut_word(word: str, number_of: Mapping[tuple[int, int], int]) -> list[int]:
    """The tokens of one word: its bytes, merged in the order in which the pairs were learned.

    `number_of`: pair -> number of the token that it makes, the earlier learned the smaller.
    """
    tokens = list(word.encode("utf-8"))
    while True:
        known = [pair for pair in zip(tokens, tokens[1:], strict=False) if pair in number_of]
        if not known:
            return tokens
        first = min(known, key=number_of.__getitem__)
        tokens = merge_pair(tokens, first, number_of[first])


class BPETokenizer:
    """Byte-pair encoding: tokens 0 to 255 are bytes, token 256 + i is pair i of `merges`."""

    def __init__(self, merges: Sequence[tuple[int, int]]):
        self.merges, self.pieces = _joined(merges)
        self.number_of = {pair: 256 + i for i, pair in enumerate(self.merges)}
        self.vocab_size = len(self.pieces)
        self._seen: dict[str, list[int]] = {}

    def encode(self, text: str) -> Tensor:
        """Text -> (n,) int64. Every text can be encoded but half a character: ValueError."""
        to_bytes(text)
        seen, tokens = self._seen, array("q")
        for word in split_words(text):
            cut = seen.get(word)
            if cut is None:
                cut = self.cut(word)
                if len(seen) < 200_000:
                    seen[word] = cut
            tokens.extend(cut)
        return torch.tensor(tokens, dtype=torch.int64)

    def cut(self, word: str) -> list[int]:
        """The tokens of one word."""
        return cut_word(word, self.number_of)

    def decode(self, tokens: Tensor) -> str:
        """(n,) -> text. Bytes that are no character become the replacement mark U+FFFD."""
        numbers = _numbers(tokens, self.vocab_size)
        return b"".join([self.pieces[i] for i in numbers]).decode("utf-8", errors="replace")

    def save(self, path: Path | str) -> None:
        """Write the merges as JSON, under another name first: no half file is left behind."""
        path = Path(path)
        content = json.dumps({"format": FORMAT, "merges": self.merges})
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, delete=False, encoding="utf-8"
        ) as draft:
            try:
                draft.write(content)
                draft.close()
                os.replace(draft.name, path)
            except BaseException:
                Path(draft.name).unlink(missing_ok=True)
                raise

    @classmethod
    def load(cls, path: Path | str) -> "BPETokenizer":
        """The tokenizer that `save` wrote. Any other file raises ValueError."""
        cure = "save one with BPETokenizer(train_bpe(text, merges)).save(path)"
        try:
            content = json.loads(Path(path).read_bytes())
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path} is not JSON ({type(error).__name__}); {cure}") from error
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise ValueError(f"{path} holds no {FORMAT!r}; {cure}")
        try:
            return cls(content.get("merges"))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    def for_tokenizers(self) -> tuple[dict[str, int], list[tuple[str, str]]]:
        """Vocabulary and merges as the library `tokenizers` writes them (models.BPE)."""
        visible = _visible_bytes()
        names = ["".join(visible[byte] for byte in piece) for piece in self.pieces]
        vocabulary = {name: i for i, name in enumerate(names)}
        return vocabulary, [(names[left], names[right]) for left, right in self.merges]


def _visible_bytes() -> list[str]:
    """GPT-2's character for each byte: itself where it can be seen, else one from U+0100 on."""
    seen = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(byte if byte in seen else next(others)) for byte in range(256)]


def _joined(merges: object) -> tuple[list[tuple[int, int]], list[bytes]]:
    """The merges as pairs, and the bytes of all tokens; ValueError where none can come of them."""
    if not isinstance(merges, Sequence) or isinstance(merges, str | bytes):
        raise ValueError(f"merges must be a list of pairs, not of type {type(merges).__name__}")
    pieces, pairs, known, total = BYTES.copy(), [], set(BYTES), 0
    for i, pair in enumerate(merges):
        if not _is_pair(pair, len(pieces)):
            raise ValueError(
                f"merge {i} is {reprlib.repr(pair)}; it must be two token numbers between 0 and "
                f"{len(pieces) - 1}, which are the tokens made before it"
            )
        left, right = pieces[pair[0]], pieces[pair[1]]
        total += len(left) + len(right)
        if total > MOST_BYTES:
            raise ValueError(
                f"the tokens up to merge {i} are longer than {MOST_BYTES:,} bytes together; "
                "use fewer merges"
            )
        if left + right in known:
            raise ValueError(
                f"merge {i} makes {reprlib.repr(left + right)} again; each piece of text may have "
                "only one number, so leave this merge out"
            )
        pieces.append(left + right)
        known.add(left + right)
        pairs.append((pair[0], pair[1]))
    return pairs, pieces


def _is_pair(pair: object, size: int) -> bool:
    """Two whole numbers from 0 to size - 1 (True and False are not numbers here)."""
    return (
        isinstance(pair, list | tuple)
        and len(pair) == 2
        and all(type(n) is int and 0 <= n < size for n in pair)
    )


def _numbers(tokens: Tensor, vocab_size: int) -> list[int]:
    numbers = tokens.tolist()
    if numbers and not (0 <= min(numbers) and max(numbers) < vocab_size):
        raise ValueError(
            f"tokens lie between {min(numbers)} and {max(numbers)}, the vocabulary has the "
            f"numbers 0 to {vocab_size - 1}; was another tokenizer used?"
        )
    return numbers
