"""GPT-2's real weights: a clear word where they are missing, the library's logits where not."""

import os

import pytest
import torch

from course_utils.data.files import find_file
from course_utils.data.gpt2 import GPT2, load_gpt2
from course_utils.data.sources import DataMissing
from course_utils.models.transformer import from_gpt2


def test_without_network_the_reason_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    with pytest.raises(DataMissing, match=r"model\.safetensors.*COURSE_OFFLINE"):
        load_gpt2()


@pytest.mark.skipif(
    find_file(GPT2) is None and os.environ.get("COURSE_GPT2") != "1",
    reason="GPT-2's weights are not here; COURSE_GPT2=1 downloads them (548 MB)",
)
def test_with_the_real_weights_ours_gives_the_logits_of_transformers():
    from transformers import GPT2Config, GPT2LMHeadModel

    weights, tokens = load_gpt2(), torch.randint(50_257, (1, 40))
    theirs = GPT2LMHeadModel(GPT2Config()).eval()
    theirs.load_state_dict({f"transformer.{n}": w for n, w in weights.items()}, strict=False)
    with torch.no_grad():
        torch.testing.assert_close(
            from_gpt2(weights, heads=12)(tokens), theirs(tokens).logits, rtol=1e-3, atol=1e-2
        )
