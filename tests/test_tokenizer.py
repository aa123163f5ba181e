import pytest
import torch

from course_utils.models.tokenizer import CharTokenizer


def test_characters_are_numbered_in_order_and_come_back():
    tokenizer = CharTokenizer("to be 好 🙂")
    assert tokenizer.characters == [" ", "b", "e", "o", "t", "好", "🙂"]
    tokens = tokenizer.encode("be 好")
    assert tokens.tolist() == [1, 2, 0, 5] and tokens.dtype == torch.int64
    assert tokenizer.decode(tokens) == "be 好" and tokenizer.decode(tokens[:0]) == ""
    assert tokenizer.encode("").shape == (0,)


def test_what_was_never_seen_is_named():
    tokenizer = CharTokenizer("abc")
    with pytest.raises(ValueError, match="'z' is not one of the 3 characters"):
        tokenizer.encode("abz")
    with pytest.raises(ValueError, match="between 0 and 3"):
        tokenizer.decode(torch.tensor([0, 3]))
    with pytest.raises(ValueError, match="-1"):
        tokenizer.decode(torch.tensor([-1]))
    with pytest.raises(ValueError, match="empty"):
        CharTokenizer("")
