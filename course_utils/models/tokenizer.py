"""Tokens: text as whole numbers, one each for a character, a byte, or a frequent piece of text.

Every tokenizer has `vocab_size`, `encode(text) -> (n,) int64` and `decode(tokens) -> text`, and
decode(encode(text)) == text.
"""

import torch
from torch import Tensor


class CharTokenizer:
    """One number for each character that occurs in a text, in the order of Unicode."""

    def __init__(self, text: str):
        if not text:
            raise ValueError("the text is empty; a vocabulary needs at least one character")
        self.characters = sorted(set(text))
        self.number_of = {character: i for i, character in enumerate(self.characters)}
        self.vocab_size = len(self.characters)

    def encode(self, text: str) -> Tensor:
        """Text of n characters -> (n,) int64. A character never seen raises ValueError."""
        try:
            return torch.tensor(
                [self.number_of[character] for character in text], dtype=torch.int64
            )
        except KeyError as error:
            raise ValueError(
                f"{error.args[0]!r} is not one of the {self.vocab_size} characters of the training "
                "text; leave it out, or build the vocabulary from a text that has it"
            ) from error

    def decode(self, tokens: Tensor) -> str:
        """(n,) -> text of n characters. A number outside the vocabulary raises ValueError."""
        numbers = tokens.tolist()
        if numbers and not (0 <= min(numbers) and max(numbers) < self.vocab_size):
            raise ValueError(
                f"tokens lie between {min(numbers)} and {max(numbers)}, the vocabulary has the "
                f"numbers 0 to {self.vocab_size - 1}; was another tokenizer used?"
            )
        return "".join(self.characters[number] for number in numbers)
