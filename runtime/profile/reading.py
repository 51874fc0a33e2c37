"""A profile's file → text, with a clear word for everything that isn't one."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from runtime.messages import N_
from runtime.profile.errors import ProfileError, refusal, shown_path

LARGEST = 1 << 20
"""Bytes; the longest profile shipped has less than a hundredth of it."""

_KINDS = (
    (stat.S_ISDIR, N_("this is a directory, not a file")),
    (stat.S_ISFIFO, N_("this is a pipe, not a file")),
    (stat.S_ISSOCK, N_("this is a socket, not a file")),
    (stat.S_ISCHR, N_("this is a device, not a file")),
    (stat.S_ISBLK, N_("this is a device, not a file")),
)

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff\ud800-\udfff]")


def read_text(path: Path) -> str:
    """The text of the file.

    Raises:
        ProfileError: it isn't there, can't be read, is no regular file, is larger than 1 MiB, or is no UTF-8
            text.
    """
    file = shown_path(path)
    return decoded(_read_bytes(path, file), file)


def _read_bytes(path: Path, file: str) -> bytes:
    try:
        # Without O_NONBLOCK, opening a pipe would wait for somebody to write into it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise refusal(N_("there is no such file"), file=file) from None
    except PermissionError:
        raise refusal(N_("you may not read this file"), file=file) from None
    except (OSError, ValueError) as error:
        raise _unreadable(error, path, file) from None
    try:
        mode = os.fstat(descriptor).st_mode
        for is_kind, template in _KINDS:
            if is_kind(mode):
                raise refusal(template, file=file)
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            content = stream.read(LARGEST + 1)
    except OSError as error:
        raise _unreadable(error, path, file) from None
    finally:
        os.close(descriptor)
    if len(content) > LARGEST:
        raise refusal(N_("the file is larger than 1 MiB; this is no profile"), file=file)
    return content


def _unreadable(error: OSError | ValueError, path: Path, file: str) -> ProfileError:
    """For what can't be opened: a socket, a loop of links, a name too long or with a NUL in it, a broken
    disk."""
    try:
        if stat.S_ISSOCK(path.stat().st_mode):
            return refusal(N_("this is a socket, not a file"), file=file)
    except (OSError, ValueError):
        pass
    detail = error.strerror if isinstance(error, OSError) and error.strerror else "embedded NUL in the name"
    return refusal(N_("this file can't be read: {detail}"), file=file, detail=detail)


def decoded(content: bytes, file: str) -> str:
    """UTF-8 text of the bytes, a byte order mark left out.

    Raises:
        ProfileError: it is no UTF-8, or has control characters in it.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise refusal(N_("the file is UTF-16; save it as UTF-8"), file=file, line=1)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refusal(
            N_("the byte 0x{byte} is not UTF-8; save the file as UTF-8"),
            file=file,
            line=content.count(b"\n", 0, error.start) + 1,
            byte=f"{content[error.start]:02x}",
        ) from None
    check_characters(text, file)
    return text


def check_characters(text: str, file: str) -> None:
    """Refuses control characters: they have no business in a profile and steer the terminal that shows
    them."""
    found = _CONTROL.search(text)
    if found is not None:
        raise refusal(
            N_("there is a control character (U+{code}) in this line"),
            file=file,
            line=text.count("\n", 0, found.start()) + 1,
            code=f"{ord(found.group()):04X}",
        )
