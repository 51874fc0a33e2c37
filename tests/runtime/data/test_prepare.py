"""Preparation: a pure function of texts, tokenizer and recipe; all there or not there."""

from __future__ import annotations

import errno
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from runtime.data.manifest import MANIFEST, Manifest
from runtime.data.prepare import find_prepared, prepare, wait_for_prepared
from runtime.data.prepared import open_prepared
from runtime.data.progress import Progress, Stopped
from runtime.data.shards import ShardWriter
from runtime.data.tokenizer import load_tokenizer
from runtime.messages import UsageError

from .corpora import section, text, write_corpus, write_jsonl


def run(target: Path, *sources: Path | dict[str, Any], **settings: Any) -> Manifest:
    return prepare(section(*sources, **settings), target, base=target.parent)


def documents_of(directory: Path, split: str) -> list[str]:
    """The texts of a split, taken back out of its tokens."""
    prepared, tokenizer = open_prepared(directory), load_tokenizer(directory)
    stream = getattr(prepared, split)
    texts, current = [], []
    for token in stream.read(0, stream.tokens).tolist():
        if token == tokenizer.end:
            texts.append(tokenizer.tokenizer.decode(current, skip_special_tokens=False))
            current = []
        else:
            current.append(token)
    assert current == []
    return texts


def test_every_document_is_there_once_complete_and_in_order(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", 60)
    manifest = run(tmp_path / "data", corpus, holdout=0.2)
    train, holdout = (documents_of(tmp_path / "data", split) for split in ("train", "holdout"))
    originals = [text(number) for number in range(60)]
    assert train == [original for original in originals if original not in holdout]
    assert sorted(train + holdout) == sorted(originals)
    assert 3 <= len(holdout) <= 24
    assert (manifest.documents, manifest.splits["holdout"].documents) == (60, len(holdout))
    assert manifest.tokens == sum(split.tokens for split in manifest.splits.values())
    assert manifest.bytes == sum(len(original) for original in originals)


def test_the_fingerprint_depends_on_neither_place_nor_time_nor_shard_size(tmp_path: Path) -> None:
    first = run(tmp_path / "a" / "data", write_corpus(tmp_path / "one" / "corpus"))
    elsewhere = write_corpus(tmp_path / "two" / "another name", reverse=True)
    second = run(tmp_path / "b" / "data", elsewhere, shard_tokens=1024)
    assert second.fingerprint == first.fingerprint
    assert len(second.splits["train"].shards) > len(first.splits["train"].shards) == 1
    one, two = (open_prepared(tmp_path / name / "data").train for name in ("a", "b"))
    assert one.read(0, one.tokens).tolist() == two.read(0, two.tokens).tolist()


def test_the_fingerprint_tells_other_texts_another_order_tokenizer_or_recipe(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus")
    half, rest = (write_corpus(tmp_path / name, 20) for name in ("half", "rest"))
    for number in range(20):
        half.joinpath(f"document-{number:03d}.txt").write_text(text(number + 100))
    found = [
        run(tmp_path / "0", corpus),
        run(tmp_path / "1", corpus, holdout=0.1),
        run(tmp_path / "2", corpus, tokenizer={"train": {"vocabulary_size": 310}}),
        run(tmp_path / "3", half, rest),
        run(tmp_path / "4", rest, half),
    ]
    assert len({manifest.fingerprint for manifest in found}) == len(found)
    corpus.joinpath("document-000.txt").write_text(text(0) + "!")
    assert run(tmp_path / "5", corpus).fingerprint != found[0].fingerprint


def test_another_process_makes_the_same_bytes(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus")
    run(tmp_path / "here", corpus, holdout=0.1)
    program = (
        "import sys; from pathlib import Path; from tests.runtime.data.test_prepare import run;"
        "run(Path(sys.argv[1]), Path(sys.argv[2]), holdout=0.1)"
    )
    subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "there"), str(corpus)],
        env={"PYTHONHASHSEED": "7", "PYTHONPATH": str(Path(__file__).parents[3])},
        check=True,
    )
    names = sorted(path.name for path in tmp_path.joinpath("here").iterdir())
    assert names == sorted(path.name for path in tmp_path.joinpath("there").iterdir())
    for name in names:
        assert (
            tmp_path.joinpath("here", name).read_bytes() == tmp_path.joinpath("there", name).read_bytes()
        ), name


def test_a_document_stays_held_out_when_the_corpus_grows(tmp_path: Path) -> None:
    run(tmp_path / "small", write_corpus(tmp_path / "corpus", 40), holdout=0.2)
    run(tmp_path / "large", write_corpus(tmp_path / "corpus", 120), holdout=0.2)
    before, after = (set(documents_of(tmp_path / name, "holdout")) for name in ("small", "large"))
    assert before
    assert before == {held for held in after if held in {text(number) for number in range(40)}}


def test_a_corpus_too_small_for_the_share_still_holds_one_document_out(tmp_path: Path) -> None:
    for documents in (2, 5):
        target = tmp_path / f"data-{documents}"
        manifest = run(target, write_corpus(tmp_path / f"corpus-{documents}", documents), holdout=0.000001)
        assert manifest.splits["holdout"].documents == 1
        assert sorted(documents_of(target, "train") + documents_of(target, "holdout")) == sorted(
            text(number) for number in range(documents)
        )
    alone = run(tmp_path / "alone", write_corpus(tmp_path / "one", 1), holdout=0.000001)
    assert (alone.splits["train"].documents, alone.splits["holdout"].documents) == (1, 0)


def test_no_holdout_means_none(tmp_path: Path) -> None:
    manifest = run(tmp_path / "data", write_corpus(tmp_path / "corpus"), holdout=0.0)
    assert manifest.splits["holdout"].tokens == 0
    assert open_prepared(tmp_path / "data").holdout.sequences(16) == 0


def test_a_given_tokenizer_is_used_as_it_is_and_wide_ids_get_wide_shards(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus")
    run(tmp_path / "first", corpus)
    given = tmp_path / "given"
    shutil.copytree(tmp_path / "first", given)
    tokenizer = json.loads(given.joinpath("tokenizer.json").read_text())
    wide = {"id": 70_000, "content": "<wide>", "special": True}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    tokenizer["model"]["vocab"]["<wide>"] = 70_000
    tokenizer["added_tokens"].append(wide | flags)
    given.joinpath("tokenizer.json").write_text(json.dumps(tokenizer))
    manifest = run(tmp_path / "second", corpus, tokenizer={"path": "given"})
    assert (manifest.vocabulary_size, manifest.dtype) == (70_001, "uint32")
    assert documents_of(tmp_path / "second", "train") == documents_of(tmp_path / "first", "train")


def test_what_is_skipped_stands_in_the_manifest(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "some.jsonl", [{"text": text(1)}, {"txt": "?"}, {"text": text(2)}])
    manifest = run(tmp_path / "data", path)
    assert manifest.skipped == {"no_text": {"count": 1, "examples": ["some.jsonl:2"]}}
    assert json.loads(tmp_path.joinpath("data", MANIFEST).read_text())["skipped"] == manifest.skipped


def test_sources_without_any_text_are_one_clear_error_and_leave_nothing(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "none.jsonl", [{"txt": "?"}, 3])
    with pytest.raises(UsageError, match=r"no text to train on.*skipped: 2; no_text 1, not_json 1"):
        run(tmp_path / "data", path)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["none.jsonl"]


def test_what_is_complete_is_reused_and_another_request_replaces_it(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus")
    first = run(tmp_path / "data", corpus)
    shutil.rmtree(corpus)  # a resumed run needs the sources no more
    again = run(tmp_path / "data", corpus)
    assert (again.fingerprint, again.splits) == (first.fingerprint, first.splits)
    write_corpus(corpus)
    other = run(tmp_path / "data", corpus, holdout=0.3)
    assert open_prepared(tmp_path / "data").manifest.fingerprint == other.fingerprint != first.fingerprint
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["corpus", "data"]


@pytest.mark.parametrize("damage", ["truncate", "delete", "manifest"])
def test_what_is_damaged_is_prepared_again(tmp_path: Path, damage: str) -> None:
    corpus = write_corpus(tmp_path / "corpus")
    first = run(tmp_path / "data", corpus)
    shard = tmp_path / "data" / first.splits["train"].shards[0].name
    if damage == "truncate":
        shard.write_bytes(shard.read_bytes()[:-2])
    elif damage == "delete":
        shard.unlink()
    else:
        tmp_path.joinpath("data", MANIFEST).write_text('{"schema": 1, "spl')
    assert run(tmp_path / "data", corpus).fingerprint == first.fingerprint
    assert open_prepared(tmp_path / "data").verify() == []


def test_a_stop_ends_it_soon_and_leaves_nothing(tmp_path: Path) -> None:
    data = section(write_corpus(tmp_path / "corpus", 200))
    for looks in (1, 150, 250):  # before anything, while the tokenizer is trained, while tokens are made
        calls = 0

        def stop(limit: int = looks) -> bool:
            nonlocal calls
            calls += 1
            return calls >= limit

        with pytest.raises(Stopped):
            prepare(data, tmp_path / "data", should_stop=stop, base=tmp_path)
        assert calls >= looks
        assert [entry.name for entry in tmp_path.iterdir()] == ["corpus"]


def test_a_full_disk_is_passed_on_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: ShardWriter, document: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ShardWriter, "append", full)
    with pytest.raises(OSError, match="No space left") as caught:
        run(tmp_path / "data", write_corpus(tmp_path / "corpus"))
    assert caught.value.errno == errno.ENOSPC
    assert [entry.name for entry in tmp_path.iterdir()] == ["corpus"]


def test_progress_reaches_its_total_in_each_phase_with_rate_and_time_left(tmp_path: Path) -> None:
    told: list[Progress] = []
    prepare(section(write_corpus(tmp_path / "corpus")), tmp_path / "data", told.append, base=tmp_path)
    phases = list(dict.fromkeys(progress.phase for progress in told))
    assert phases == ["tokenizer", "merges", "tokens"]
    size = sum(path.stat().st_size for path in tmp_path.joinpath("corpus").iterdir())
    for phase in ("tokenizer", "tokens"):
        first, *_, last = [progress for progress in told if progress.phase == phase]
        assert (first.done, last.done, last.total, last.unit) == (0, size, size, "bytes")
        assert first.seconds_left is None
        assert last.rate is not None
        assert last.rate > 0
        assert last.seconds_left == 0.0


def test_the_other_ranks_get_the_data_when_it_is_there_and_not_an_older_one(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus")
    run(tmp_path / "data", corpus, holdout=0.3)
    wanted = section(corpus)
    looks = 0

    def wait() -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            prepare(wanted, tmp_path / "data", base=tmp_path)

    found = wait_for_prepared(wanted, tmp_path / "data", wait, poll=0.001)
    assert looks == 3
    assert found.manifest.recipe["holdout"] == wanted.holdout
    with pytest.raises(Stopped):
        wait_for_prepared(section(corpus, holdout=0.4), tmp_path / "data", lambda: None, lambda: True)


KILLED = """
import sys
from pathlib import Path
from runtime.data.prepare import prepare
from tests.runtime.data.corpora import section

def tell(progress):
    print(progress.phase, progress.done, flush=True)

import runtime.data.progress as module
module.Meter.__init__.__kwdefaults__["interval"] = 0.0
prepare(section(Path(sys.argv[1]), shard_tokens=1024), Path(sys.argv[2]), tell, base=Path("/"))
print("complete 0", flush=True)
"""


@pytest.mark.parametrize("phase", ["tokenizer", "merges", "tokens"])
def test_kill_9_in_the_middle_leaves_nothing_that_looks_complete(tmp_path: Path, phase: str) -> None:
    corpus = write_corpus(tmp_path / "corpus", 1500)
    target = tmp_path / "data"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(corpus), str(target)],
        env={"PYTHONPATH": str(Path(__file__).parents[3])},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        at, done = line.split()
        if at == phase and (int(done) > 1000 or phase == "merges"):
            process.send_signal(signal.SIGKILL)
            break
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    data = section(corpus, shard_tokens=1024)
    assert not target.exists()
    assert tmp_path.joinpath("data.tmp").is_dir()
    assert find_prepared(data, target) is None
    with pytest.raises(UsageError, match=r"no manifest\.json"):
        open_prepared(tmp_path / "data.tmp")
    started = time.time()
    manifest = prepare(data, target, base=tmp_path)
    assert manifest.documents == 1500
    assert open_prepared(target).verify() == []
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["corpus", "data"]
    assert all(path.stat().st_mtime >= started - 1 for path in target.iterdir())
