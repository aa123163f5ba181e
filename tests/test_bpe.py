"""Bytes and byte-pair encoding: equal to the library `tokenizers`, and every text comes back."""

import json
import random
import time
from collections import Counter
from functools import cache
from itertools import product

import pytest
import tokenizers
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.models.bpe import (
    BPETokenizer,
    ByteTokenizer,
    count_pairs,
    merge_pair,
    split_words,
    train_bpe,
)

MIXED = (
    "The lowest low lower: low, lowlow! It's what we'll say, don't we? CAFÉ café naïve Zoë Łódź "
    "你好，世界。你好 🙂🙂👍🏽 1234 12 ½ Ⅷ ² x_1 __init__  two   spaces\n\n\ttabs "
    "\u00a0no-break\u3000wide \x1c\x85 end's 'S it'd they'VE 3.14 -- ... \r\n  "
) * 3
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cn")))
ASCII = st.text(st.characters(max_codepoint=127))
WORDS = st.text(st.sampled_from("abtlse é好🙂'19_ \n.\u00a0½"), max_size=40)


@cache
def trained():
    return BPETokenizer(train_bpe(MIXED, 200))


@cache
def theirs():
    """The same merges in the library `tokenizers`, cut by its ByteLevel, which is GPT-2's."""
    vocabulary, merges = trained().for_tokenizers()
    other = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, merges))
    other.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    return other


def cut_by_byte_level(text):
    pieces = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str(text)
    return [text[start:end] for _, (start, end) in pieces]


def test_words_are_cut_as_by_gpt2():
    assert split_words("It's 2 lows,  yes ") == ["It", "'s", " 2", " lows", ",", " ", " yes", " "]
    assert split_words(MIXED) == cut_by_byte_level(MIXED)


@given(WORDS | TEXT | ASCII)
@settings(deadline=None, max_examples=400)
def test_tokens_equal_those_of_tokenizers(text):
    assert "".join(split_words(text)) == text
    assert split_words(text) == cut_by_byte_level(text)
    assert trained().encode(text).tolist() == theirs().encode(text).ids


def test_tokens_of_the_training_text_equal_those_of_tokenizers():
    tokens = trained().encode(MIXED)
    assert tokens.tolist() == theirs().encode(MIXED).ids
    assert len(tokens) < len(MIXED) and tokens.max() > 380 and tokens.dtype == torch.int64


@given(st.text(st.characters(exclude_categories=("Cs",))))
@settings(deadline=None, max_examples=200)
def test_every_text_comes_back(text):
    for tokenizer in (ByteTokenizer(), trained()):
        tokens = tokenizer.encode(text)
        assert tokenizer.decode(tokens) == text
        assert tokens.ndim == 1 and tokens.dtype == torch.int64


@given(st.text(max_size=5), st.characters(categories=("Cs",)))
def test_half_a_character_is_named(text, half):
    for encode in (ByteTokenizer().encode, trained().encode, lambda t: train_bpe(t, 1)):
        with pytest.raises(ValueError, match="lone surrogate"):
            encode(text + half)


def slow_bpe(text, merges):
    """The same by the definition: count all pairs again for every merge."""
    words = Counter(tuple(word.encode()) for word in split_words(text))
    found = []
    for new in range(256, 256 + merges):
        counts = count_pairs(words)
        pair = min(counts, key=lambda p: (-counts[p], p), default=None)
        if pair is None or counts[pair] < 2:
            break
        merged = Counter()
        for word, times in words.items():
            merged[tuple(merge_pair(word, pair, new))] += times
        words = merged
        found.append(pair)
    return found


@given(st.text(st.sampled_from("ab ")) | WORDS, st.integers(0, 30))
@settings(deadline=None, max_examples=300)
def test_counting_only_what_changed_gives_the_same_merges(text, merges):
    if text:
        assert train_bpe(text, merges) == slow_bpe(text, merges)


def test_no_two_pairs_make_the_same_piece_of_text():
    """Every text of up to 10 letters a and b, and 200 longer ones with repeats in all places."""
    texts = ["".join(letters) for n in range(1, 11) for letters in product("ab", repeat=n)]
    draws = random.Random(0)
    texts += [" ".join("".join(draws.choices("ab", k=30)) for _ in range(20)) for _ in range(200)]
    for text in texts:
        pieces = BPETokenizer(train_bpe(text, 60)).pieces  # a piece made twice is refused there
        assert len(set(pieces)) == len(pieces)


def test_training_is_the_definition_on_a_longer_text_and_deterministic():
    assert train_bpe(MIXED, 200) == slow_bpe(MIXED, 200) == train_bpe(MIXED, 200)


def test_low_lower_lowest_by_hand():
    merges = train_bpe("low lower lowest", 10)
    l, o, w, e, space = b"lowe "  # noqa: E741
    assert merges[:2] == [(l, o), (256, w)]  # "lo" and "ow" occur 3 times; the smaller pair wins
    assert merges[2:] == [(space, 257), (258, e)]  # " lowe" twice; every other pair once
    tokenizer = BPETokenizer(merges)
    assert tokenizer.vocab_size == 260
    assert tokenizer.encode("low low").tolist() == [257, 258]  # the space makes another token
    assert count_pairs({(1, 1, 1): 2, (1, 2): 3}) == {(1, 1): 4, (1, 2): 3}
    assert merge_pair([1, 1, 1, 2, 1], (1, 1), 9) == [9, 1, 2, 1]


def test_a_character_cut_in_two_becomes_the_replacement_mark():
    tokens = ByteTokenizer().encode("好")
    assert tokens.tolist() == [0xE5, 0xA5, 0xBD]
    assert ByteTokenizer().decode(tokens[:2]) == "\ufffd"
    assert BPETokenizer([]).decode(tokens[1:]) == "\ufffd\ufffd"


def test_what_cannot_be_is_named():
    for tokenizer in (ByteTokenizer(), trained()):
        for wrong in (-1, tokenizer.vocab_size):
            with pytest.raises(ValueError, match=f"{wrong}.*another tokenizer"):
                tokenizer.decode(torch.tensor([wrong]))
        assert tokenizer.decode(torch.tensor([], dtype=torch.int64)) == ""
        assert tokenizer.encode("").shape == (0,)
    with pytest.raises(ValueError, match="merges=-1 is negative"):
        train_bpe("abc", -1)
    with pytest.raises(ValueError, match="empty"):
        train_bpe("", 5)
    assert train_bpe("abc", 5) == []


def test_merges_are_kept_in_a_file(tmp_path):
    path = tmp_path / "new" / "merges.json"
    trained().save(path)
    again = BPETokenizer.load(path)
    assert again.merges == trained().merges and again.pieces == trained().pieces
    assert [p.name for p in path.parent.iterdir()] == ["merges.json"]


def merges_in_a_file(merges):
    return json.dumps({"format": "byte-pair merges", "merges": merges}).encode()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[" * 200_000, "not JSON"),
        (b"[]", "holds no"),
        (b"{}", "holds no"),
        (b'{"format": ["x"]}', "holds no"),
        (merges_in_a_file(None), "of type NoneType"),
        (merges_in_a_file("ab"), "of type str"),
        (merges_in_a_file({"a": 1}), "of type dict"),
        (merges_in_a_file([[1]]), "merge 0"),
        (merges_in_a_file([[1, 2], "ab"]), "merge 1"),
        (merges_in_a_file([[1, 256]]), "between 0 and 255"),
        (merges_in_a_file([[-1, 2]]), "merge 0"),
        (merges_in_a_file([[1.0, 2]]), "merge 0"),
        (merges_in_a_file([[True, 2]]), "merge 0"),
        (merges_in_a_file([[1, 2], [1, 2]]), "merge 1 makes"),
        (merges_in_a_file([[97, 97], [256, 97], [97, 256]]), "merge 2 makes"),
        (merges_in_a_file([[0, 0]] + [[256 + i, 256 + i] for i in range(60)]), "longer than"),
    ],
)
def test_a_file_that_is_no_tokenizer_is_refused(tmp_path, content, words):
    path = tmp_path / "merges.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=words):
        BPETokenizer.load(path)


def test_a_failed_save_leaves_the_old_file_alone(tmp_path, monkeypatch):
    path = tmp_path / "merges.json"
    path.write_text("old", encoding="utf-8")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        trained().save(path)
    assert path.read_text(encoding="utf-8") == "old" and len(list(tmp_path.iterdir())) == 1


def test_a_text_of_three_hundred_thousand_characters_takes_seconds():
    generator = torch.Generator().manual_seed(0)
    letters = torch.randint(0, 6, (300_000,), generator=generator).tolist()
    text = "".join("aeiou "[i] for i in letters)
    start = time.perf_counter()
    tokenizer = BPETokenizer(train_bpe(text, 300))
    tokenizer.encode(text)
    assert time.perf_counter() - start < 60  # about 5 s on one busy core


def test_the_pair_that_was_learned_first_is_merged_first():
    a, b, c = b"abc"
    assert BPETokenizer([(b, c), (a, b)]).encode("abc").tolist() == [a, 256]
    assert BPETokenizer([(a, b), (b, c)]).encode("abc").tolist() == [256, c]


def test_all_tokens_together_may_be_as_long_as_the_limit(monkeypatch):
    merges = [(97, 97), (98, 98), (99, 99)]  # two bytes each
    monkeypatch.setattr("course_utils.models.bpe.MOST_BYTES", 6)
    BPETokenizer(merges)
    monkeypatch.setattr("course_utils.models.bpe.MOST_BYTES", 5)
    with pytest.raises(ValueError, match="merge 2 are longer than 5 bytes"):
        BPETokenizer(merges)


def test_a_file_may_go_into_folders_that_are_not_there_yet(tmp_path):
    path = tmp_path / "one" / "two" / "tokens.json"
    BPETokenizer([(97, 98)]).save(path)
    assert BPETokenizer.load(path).merges == [(97, 98)]


def test_bytes_are_256_tokens():
    assert ByteTokenizer().vocab_size == 256
    with pytest.raises(ValueError, match="0 to 255"):
        ByteTokenizer().decode(torch.tensor([256]))


def test_an_x_is_a_letter_and_fractions_and_roman_numerals_are_numbers():
    assert split_words("XXL fits") == ["XXL", " fits"]
    assert split_words("XXL fits né") == ["XXL", " fits", " né"]
    assert split_words("néX½ Ⅷ") == ["néX", "½", " Ⅷ"]
