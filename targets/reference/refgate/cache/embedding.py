"""What a prompt means, as a vector: a static embedding whose weights are part of the wordllama wheel.

Nothing is fetched at run time. The package is an extra: it is imported when a semantic cache is built, not before.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..config import ConfigError

Vector = NDArray[np.float32]


class Embedding(Protocol):
    """Turns text into a vector of length one, so that a scalar product is a cosine."""

    def __call__(self, text: str) -> Vector:
        """Return the vector of `text`."""


class EmbeddingMissing(ConfigError):
    """The package with the weights is not installed; the message says how to install it."""


def wordllama_embedding() -> Embedding:
    """Return the embedding of WordLlama: the mean of 256 numbers a token, taken from the input layer of large models.

    https://github.com/dleemiller/WordLlama. About 40 microseconds for a sentence.
    """
    try:
        import wordllama
    except ImportError as error:
        raise EmbeddingMissing(
            'a semantic cache needs wordllama. Install it: pip install "gatebench[semantic]"'
        ) from error
    # Both files are in the wheel. It looks for the tokenizer in its cache folder only, so the wheel is the cache folder.
    shipped = Path(wordllama.__file__).parent
    model = wordllama.WordLlama.load(cache_dir=shipped, disable_download=True)

    def embed(text: str) -> Vector:
        vector: Vector = model.embed([text], norm=True)[0]
        return vector

    return embed
