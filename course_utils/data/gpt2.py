"""The weights of GPT-2, 124 million numbers: only on request, since they are a download of 548 MB.

Radford et al. 2019, under the MIT licence. The file is that of one fixed revision of the model's
page, checked by its SHA-256; `safetensors` reads it, so nothing in it can run.
"""

from safetensors.torch import load
from torch import Tensor

from course_utils.data.files import read_file
from course_utils.data.sources import RemoteFile

_PAGE = "https://huggingface.co/openai-community/gpt2/resolve/"
GPT2 = RemoteFile(
    "gpt2/model.safetensors",
    548_105_171,
    "248dfc3911869ec493c76e65bf2fcf7f615828b0254c12b473182f0f81d3a707",
    (f"{_PAGE}607a30d783dfa663caf39e06633721c8d4cfcd7e/model.safetensors",),
)


def load_gpt2() -> dict[str, Tensor]:
    """Weights by their names in `transformers`; kept in the cache once loaded.

    Where the file is not to be had, raises DataMissing with the reason: there is no stand-in.
    """
    return load(read_file(GPT2))
