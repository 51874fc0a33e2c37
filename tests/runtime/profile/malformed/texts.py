"""Files that are no YAML, no text, or no profile at all, and parents that aren't there."""

from __future__ import annotations

from collections.abc import Sequence

from tests.runtime.profile.malformed.case import Case
from tests.runtime.profile.samples import PRETRAIN

YAML: Sequence[Case] = (
    Case("empty file", "", None, None, "empty"),
    Case("only a comment", "# nothing\n", None, None, "empty"),
    Case("null document", "null\n", None, "null", "empty"),
    Case("only a marker", "---\n", None, None, "empty"),
    Case("list at the top", "- job: pretrain\n- x\n", None, "- job", "must have keys"),
    Case("text at the top", "pretrain\n", None, "pretrain", "must have keys"),
    Case("number at the top", "42\n", None, "42", "must have keys"),
    Case("empty mapping", "{}\n", None, "{}", "empty"),
    Case("JSON cut off", '{"job": "pretrain", "train": {', None, None, "a value is missing"),
    Case("list not closed", "job: command\ncommand:\n  argv: [a, b\n", None, None, "not closed"),
    Case("quote not closed", "job: 'pretrain\n", None, None, "not closed"),
    Case("tab for indentation", "train:\n\tsteps: 1\n", None, "steps", "tab"),
    Case("no colon", "job pretrain\nname: x\n", None, None, "colon"),
    Case("two colons", "job: pretrain: x\n", None, "job", "colon"),
    Case("wrong indentation", "train:\n    steps: 1\n  batch: 2\n", None, "batch", "indentation"),
    Case("list item among keys", "job: pretrain\n- x\n", None, "- x", "indentation"),
    Case("at sign", "name: @x\n", None, "@x", "quotes"),
    Case("backtick", "name: `x`\n", None, "`x`", "quotes"),
    Case("percent sign", "name: %x\n", None, "%x", "quotes"),
    Case("bad escape", 'name: "\\q"\n', None, "name", "escape"),
    Case("python object tag", "job: !!python/object/apply:os.system ['true']\n", "job", "!!python", "tags"),
    Case("python name tag", "job: !!python/name:os.system\n", "job", "!!python", "tags"),
    Case("local tag", "job: !include other.yaml\n", "job", "!include", "tags"),
    Case("standard tag", 'job: pretrain\ntrain: {steps: !!int "3"}\n', "train.steps", "!!int", "tags"),
    Case("tag on a mapping", "job: pretrain\nmodel: !!map\n  layers: 2\n", "model", "!!map", "tags"),
    Case("undeclared tag handle", "job: !e!foo x\n", None, "!e!", "tags"),
    Case("two documents", "job: command\n---\njob: command\n", None, "---", "second"),
    Case("YAML 1.1 directive", "%YAML 1.1\n---\njob: command\n", None, None, "YAML 1.2"),
    Case("unknown alias", "job: *nothing\n", None, "*nothing", "alias"),
    Case("alias of itself", "job: pretrain\nmodel: &m\n  layers: *m\n", None, "*m", "alias"),
    Case("merge key", "job: &j {a: b}\nmodel:\n  <<: *j\n", "model.<<", "<<", "extends"),
    Case(
        "billion laughs",
        "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10)),
        None,
        "a4:",
        "aliases multiply",
    ),
    Case(
        "quadratic aliases",
        f"a: &a [{', '.join(['x'] * 1000)}]\nb: [{', '.join(['*a'] * 1000)}]\n",
        None,
        "b:",
        "aliases multiply",
    ),
    Case("deep lists", "job: " + "[" * 5000 + "]" * 5000 + "\n", None, "job", "nested"),
    Case("deep mappings", "".join(" " * i + f"k{i}:\n" for i in range(200)), None, None, "nested"),
    Case(
        "deep by aliases",
        "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 100)),
        None,
        None,
        "nested",
    ),
    Case("too many values", "job: [" + "a, " * 30_000 + "a]\n", None, None, "more than"),
    Case("ten megabytes", "# " + "x" * 10_000_000 + "\n" + PRETRAIN, None, None, "1 MiB"),
    Case("ten megabytes of keys", "".join(f"key{i}: 1\n" for i in range(900_000)), None, None, "1 MiB"),
    Case("duplicate key at the top", PRETRAIN + "job: command\n", "job", "job: command", "twice"),
    Case("duplicate section", PRETRAIN + "train:\n  steps: 5\n", "train", "train:", "twice"),
    Case("number as a key", "1: pretrain\n", None, "1:", "name"),
    Case("null as a key", "job: pretrain\n~: 1\n", None, "~", "name"),
    Case("boolean as a key", "true: 1\n", None, "true", "name"),
    Case("list as a key", "? [a, b]\n: 1\n", None, "?", "name"),
    Case("mapping as a key", "{a: b}: 1\n", None, "a: b", "name"),
    Case("jinja", "job: {{ job }}\n", "job", "job:", "name"),
)

ENCODING: Sequence[Case] = (
    Case("latin-1", "job: pretrain\ndescription: caf\xe9\n".encode("latin-1"), None, "caf", "UTF-8"),
    Case("cut in a character", "description: é".encode()[:-1], None, "description", "UTF-8"),
    Case("GBK", "description: 训练\n".encode("gbk"), None, None, "UTF-8"),
    Case("UTF-16", PRETRAIN.encode("utf-16"), None, None, "UTF-16"),
    Case("UTF-32", PRETRAIN.encode("utf-32-be"), None, None, "control character"),
    Case("a picture", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", None, None, "UTF-8"),
    Case("an executable", b"\x7fELF\x02\x01\x01\x00\x00", None, None, "control character"),
    Case("zeros", bytes(4096), None, None, "control character"),
    Case("NUL", b"job: pretrain\nname: a\x00b\n", None, "name", "control character"),
    Case("escape sequence", b"job: pretrain\nname: \x1b[31mred\n", None, "name", "control character"),
    Case("C1 control", "name: a\x9bb\n".encode(), None, None, "control character"),
    Case("line separator", "name: a\u2028b\n".encode(), None, None, "control character"),
    Case("surrogate", b"name: \xed\xa0\x80\n", None, "name", "UTF-8"),
    Case("escaped control character", 'job: "pre\\x1btrain"\n', "job", "job", "control character"),
    Case("escaped NUL", 'job: "pre\\0train"\n', "job", "job", "control character"),
)

INHERITANCE: Sequence[Case] = (
    Case("extends itself", "extends: ./profile.yaml\njob: command\n", "extends", "extends", "circle"),
    Case("extends a number", "extends: 3\n", "extends", "extends", "name or path"),
    Case("extends a mapping", "extends: {a: b}\n", "extends", "extends", "name or path"),
    Case("extends an empty text", 'extends: ""\n', "extends", "extends", "name or path"),
    Case("extends a list of lists", "extends:\n  - [a]\n", "extends", "- [a]", "name or path"),
    Case("extends nobody", "job: command\nextends: nobody-here\n", "extends", "extends", "no profile called"),
    Case("extends a typo", "extends: dmeo\n", "extends", "extends", "did you mean demo?"),
    Case("extends a missing file", "extends: ./missing.yaml\n", "extends", "extends", "no profile at"),
    Case("extends a directory", "extends: ./directory.yaml\n", "extends", "extends", "is a directory"),
)
