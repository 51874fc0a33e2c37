"""Tokenizers: trained the same everywhere, given ones in each usual form, no special token from text."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.data.tokenizer import END_OF_TEXT, TextTokenizer, load_tokenizer, train_tokenizer
from runtime.messages import UsageError

from .corpora import text

TEXTS = [text(number) for number in range(50)] + ["naïve 中文 \U0001f642 \x00\x7f"]


def trained(size: int = 400) -> TextTokenizer:
    return train_tokenizer(iter(TEXTS), size, 2)


def test_every_text_comes_back_from_its_tokens() -> None:
    tokenizer = trained()
    for ids, original in zip(tokenizer.encode(TEXTS), TEXTS, strict=True):
        assert tokenizer.tokenizer.decode(ids.tolist(), skip_special_tokens=False) == original
        assert int(ids.max()) < tokenizer.vocabulary_size <= 400


def test_training_is_the_same_in_another_process_with_another_hash_seed() -> None:
    program = "from tests.runtime.data.test_tokenizer import trained; print(trained().fingerprint)"
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={
                "PYTHONHASHSEED": seed,
                "RAYON_NUM_THREADS": threads,
                "PYTHONPATH": str(Path(__file__).parents[3]),
            },
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed, threads in (("1", "1"), ("2", "4"))
    }
    assert found == {trained().fingerprint + "\n"}


def test_a_text_that_spells_the_end_token_does_not_end_a_document() -> None:
    tokenizer = trained()
    ids = tokenizer.encode([f"before {END_OF_TEXT} after"])[0]
    assert tokenizer.end not in ids.tolist()
    assert (
        tokenizer.tokenizer.decode(ids.tolist(), skip_special_tokens=False) == f"before {END_OF_TEXT} after"
    )


def test_a_vocabulary_without_room_for_the_bytes_is_refused() -> None:
    with pytest.raises(UsageError, match="at least 257"):
        trained(100)
    assert trained(257).vocabulary_size == 257


def test_a_saved_tokenizer_loads_as_the_same_one_from_file_and_directory(tmp_path: Path) -> None:
    tokenizer = trained()
    tokenizer.save(tmp_path)
    for place in (tmp_path, tmp_path / "tokenizer.json"):
        again = load_tokenizer(place)
        assert (again.fingerprint, again.end, again.vocabulary_size) == (
            tokenizer.fingerprint,
            tokenizer.end,
            tokenizer.vocabulary_size,
        )


def test_the_end_token_is_the_one_that_the_tokenizers_own_files_name(tmp_path: Path) -> None:
    tokenizer = trained()
    tokenizer.tokenizer.add_special_tokens(["<stop>"])
    tokenizer.save(tmp_path)
    config = tmp_path / "tokenizer_config.json"
    config.write_text(json.dumps({"eos_token": {"content": "<stop>"}}))
    found = load_tokenizer(tmp_path)
    assert (found.end_text, found.end) == ("<stop>", found.vocabulary_size - 1)


def test_gpt2_style_vocabulary_and_merges_are_enough(tmp_path: Path) -> None:
    tokenizer = trained()
    model = json.loads(tokenizer.tokenizer.to_str())["model"]
    tmp_path.joinpath("vocab.json").write_text(json.dumps(model["vocab"]))
    merges = "\n".join(" ".join(pair) for pair in model["merges"])
    tmp_path.joinpath("merges.txt").write_text(f"#version: 0.2\n{merges}\n")
    found = load_tokenizer(tmp_path)
    assert [ids.tolist() for ids in found.encode(TEXTS)] == [ids.tolist() for ids in tokenizer.encode(TEXTS)]
    assert found.end == tokenizer.end


@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff\xfe", b'{"model": {"type": "BPE"}}'])
def test_what_is_no_tokenizer_is_one_clear_error(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        tmp_path.joinpath("tokenizer.json").write_bytes(content)
    with pytest.raises(UsageError, match="tokenizer"):
        load_tokenizer(tmp_path)


def test_a_tokenizer_without_an_end_token_is_refused(tmp_path: Path) -> None:
    tokenizer = trained()
    tokenizer.save(tmp_path)
    record = json.loads(tmp_path.joinpath("tokenizer.json").read_text().replace(END_OF_TEXT, "<thing>"))
    tmp_path.joinpath("tokenizer.json").write_text(json.dumps(record))
    with pytest.raises(UsageError, match="names no token that ends a document"):
        load_tokenizer(tmp_path)
