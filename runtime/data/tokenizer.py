"""Tokenizers: trained here (byte-level BPE) or given, and always used through `tokenizers`' fast
implementation.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from runtime.messages import N_, UsageError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

END_OF_TEXT = "<|endoftext|>"
LEAST_VOCABULARY = 256 + 1  # every byte, and the end of a document

KNOWN_ENDS = (END_OF_TEXT, "<|end_of_text|>", "</s>", "<eos>", "<|im_end|>", "[EOS]")
TOKENIZER_FILE = "tokenizer.json"


@dataclass(frozen=True)
class TextTokenizer:
    """A tokenizer ready to turn documents into token ids.

    `vocabulary_size` is the highest id + 1 (ids may have gaps), `end` the id that ends a document.
    """

    tokenizer: Tokenizer
    vocabulary_size: int
    end: int
    end_text: str
    fingerprint: str

    def encode(self, texts: Sequence[str]) -> list[NDArray[np.uint32]]:
        """Ids of each text, without any special token: text that spells one out is ordinary text."""
        encodings = self.tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [np.asarray(encoding.ids, dtype=np.uint32) for encoding in encodings]

    def save(self, directory: Path) -> None:
        """Writes tokenizer.json and a tokenizer_config.json that transformers' AutoTokenizer understands."""
        directory.joinpath(TOKENIZER_FILE).write_text(self.tokenizer.to_str(pretty=True), encoding="utf-8")
        config = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": self.end_text}
        directory.joinpath("tokenizer_config.json").write_text(
            json.dumps(config, indent=2) + "\n", encoding="utf-8"
        )


def train_tokenizer(texts: Iterable[str], vocabulary_size: int, minimum_frequency: int) -> TextTokenizer:
    """Byte-level BPE with GPT-2's pre-tokenization (Radford et al., 2019). The same texts give the same
    tokenizer.

    The vocabulary holds the special token <|endoftext|> (id 0), the 256 bytes, then merges; it can end up
    smaller than asked for where the text has too few pairs.

    Raises:
        UsageError: `vocabulary_size` has no room for the bytes and the special token.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    if vocabulary_size < LEAST_VOCABULARY:
        raise UsageError(
            N_("A byte-level tokenizer needs a vocabulary of at least {least} tokens, not {size}."),
            least=LEAST_VOCABULARY,
            size=vocabulary_size,
        )
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        min_frequency=minimum_frequency,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer=trainer)
    return _ready(tokenizer, END_OF_TEXT)


def load_tokenizer(path: Path) -> TextTokenizer:
    """A given tokenizer: a tokenizer.json, or a directory with one (or with vocab.json and merges.txt, as
    GPT-2's).

    Raises:
        UsageError: there is none, it can't be read, or it names no token that ends a document.
    """
    file = path / TOKENIZER_FILE if path.is_dir() else path
    try:
        tokenizer = _read(file)
    except UsageError:
        raise
    except Exception as error:  # the tokenizers library raises just that for a malformed file
        raise UsageError(
            N_("The tokenizer {path} can't be read: {error}"), path=str(file), error=str(error)
        ) from error
    return _ready(tokenizer, _end_token(tokenizer, file.parent))


def _read(file: Path) -> Tokenizer:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    if file.is_file():
        return Tokenizer.from_file(str(file))
    vocabulary, merges = file.with_name("vocab.json"), file.with_name("merges.txt")
    if not (vocabulary.is_file() and merges.is_file()):
        raise UsageError(
            N_("There is no tokenizer in {path}: it has no tokenizer.json."), path=str(file.parent)
        )
    tokenizer = Tokenizer(models.BPE.from_file(str(vocabulary), str(merges)))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    if tokenizer.token_to_id(END_OF_TEXT) is not None:
        tokenizer.add_special_tokens([END_OF_TEXT])
    return tokenizer


def _end_token(tokenizer: Tokenizer, directory: Path) -> str:
    for token in (*_declared_ends(directory), *KNOWN_ENDS):
        if tokenizer.token_to_id(token) is not None:
            return token
    raise UsageError(
        N_(
            "The tokenizer in {path} names no token that ends a document. "
            "Set eos_token in its tokenizer_config.json."
        ),
        path=str(directory),
    )


def _declared_ends(directory: Path) -> Iterator[str]:
    """The eos_token that the files beside tokenizer.json name, as text or as {"content": text}."""
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        try:
            settings: Any = json.loads(directory.joinpath(name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        token = settings.get("eos_token") if isinstance(settings, dict) else None
        if isinstance(token, dict):
            token = token.get("content")
        if isinstance(token, str):
            yield token


def _ready(tokenizer: Tokenizer, end_text: str) -> TextTokenizer:
    tokenizer.no_truncation()
    tokenizer.no_padding()
    end = tokenizer.token_to_id(end_text)
    assert end is not None, end_text
    fingerprint = hashlib.sha256(tokenizer.to_str().encode("utf-8")).hexdigest()
    tokenizer.encode_special_tokens = True  # "<|endoftext|>" in a text must not end a document
    return TextTokenizer(
        tokenizer=tokenizer,
        vocabulary_size=max(tokenizer.get_vocab(with_added_tokens=True).values()) + 1,
        end=end,
        end_text=end_text,
        fingerprint=fingerprint,
    )
