"""A cage for a student's code: a process of its own from which only data comes back.

The code never runs in the grader's process. What holds it, as far as the machine allows:

    limits      time, memory, size of files, no second process; what comes back is cut off at a megabyte: always
    landlock    no file but Python's and those of an empty folder, no TCP, no signals to others: Linux 5.13 and later
    namespaces  no network at all, no other process in sight, and all of it ends with the cage: Linux with `unshare`
    nobody      another user, whom the grader's files are closed to: where the grader is root

Answers come back as JSON, each under a number drawn for its question, and are never unpickled or evaluated. Whoever
forges one has only answered. The cage knows no right answer.
"""

import builtins
import contextlib
import json
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

from scaling_lib.arguments import Count, Positive, checked

__all__ = ["PROTECTIONS", "Limits"]

PROTECTIONS = ("landlock", "namespaces", "nobody")
CAGED = Path(__file__).with_name("caged.py")
LIBRARY = Path(__file__).resolve().parents[1]
SYSTEM = ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/etc/fonts", "/dev/urandom")
LONGEST_REPLY = 1 << 20
MOST_ERRORS, MOST_NAMES = 20, 200
PATIENCE = 10.0  # seconds
# Line breaks, what a terminal takes for a command, and what turns the direction of the text beside it.
CLEARED = dict.fromkeys([*range(32), *range(127, 160), *range(0x2028, 0x202F), *range(0x2066, 0x206A)], " ")


@checked
@dataclass(frozen=True)
class Limits:
    """What a submission may use. seconds: for all of it; cell_seconds: for one cell; call_seconds: for one call of a
    function; memory: in bytes."""

    seconds: Positive = 60.0
    cell_seconds: Positive = 10.0
    call_seconds: Positive = 5.0
    memory: Count = 2 << 30


class Broken(Exception):
    """The cage can answer nothing more; the message, a clause, says why."""


@dataclass(frozen=True)
class Reply:
    """What became of a call. answer: data, None where nothing was answered. raised: the name of an error, "" for
    none. missing: whether there is no function of this name."""

    answer: Any = None
    raised: str = ""
    missing: bool = False


@cache
def _ways_into_namespaces() -> tuple[str, ...]:
    """The command that starts another one in namespaces of its own; () where none works."""
    if not (sys.platform == "linux" and shutil.which("unshare")):
        return ()
    dying = ("setpriv", "--pdeathsig", "KILL") if shutil.which("setpriv") else ()
    for user in ((), ("--user", "--map-root-user")):
        command = (*dying, "unshare", *user, "--mount", "--net", "--pid", "--ipc", "--fork", "--kill-child")
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            if subprocess.run([*command, "true"], capture_output=True, timeout=10, check=False).returncode == 0:
                return command
    return ()


class Cage:
    """A running cage; use it as a context manager. protections: those of PROTECTIONS that hold. errors: a line for each
    cell that failed. names: of the functions that the cells defined.

    cells: source and tags of each code cell. without: protections to do without, as on a machine that lacks them.
    Raises Broken where the cells end or outlast their process.
    """

    def __init__(
        self, cells: Sequence[Mapping[str, Any]], limits: Limits, *, deadline: float, without: Sequence[str] = ()
    ) -> None:
        self.protections: list[str] = []
        self._deadline, self._unread, self._call_seconds = deadline, b"", limits.call_seconds
        self._folder = tempfile.mkdtemp(prefix="cage-")
        root = os.geteuid() == 0 and "nobody" not in without
        if root:
            os.chown(self._folder, 65534, 65534)
        spaces = () if "namespaces" in without else _ways_into_namespaces()
        theirs, self._requests = os.pipe()
        self._replies, ours = os.pipe()
        os.set_blocking(self._requests, False)
        self._process = subprocess.Popen(
            [*spaces, sys.executable, "-I", str(CAGED), str(theirs), str(ours)],
            pass_fds=(theirs, ours),
            cwd=self._folder,
            env=_environment(self._folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(theirs)
        os.close(ours)
        settings = {
            "cells": list(cells),
            "cell_seconds": limits.cell_seconds,
            "call_seconds": limits.call_seconds,
            "landlock": "landlock" not in without,
            "library": str(LIBRARY),
            "memory": limits.memory,
            "namespaces": bool(spaces),
            "readable": [*SYSTEM, sys.prefix, sys.base_prefix, str(LIBRARY)],
            "root": root,
            "seconds": int(limits.seconds) + 1,
        }
        try:
            # Both are told under one number, but the first before the student's code runs: it cannot be forged.
            held = self._asked(settings, self._deadline).get("protections", [])
            self.protections = [name for name in PROTECTIONS if name in held or (name == "namespaces" and spaces)]
            told = self._line(self._deadline)
        except Broken:
            self.close()
            raise
        # This reply can be forged: however much it holds, what is kept of it is short.
        self.errors = [_one_line(error) for error in _texts(told.get("errors"))[:MOST_ERRORS]]
        self.names = [_one_line(name) for name in _texts(told.get("names"))[:MOST_NAMES]]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ask(self, function: str, inputs: Mapping[str, Any]) -> Reply:
        """What the student's function of this name answers. Raises Broken where nothing comes back."""
        # The function is interrupted after its seconds; if it holds out against that, the process ends soon after.
        latest = min(self._deadline, time.monotonic() + self._call_seconds + 2)
        told = self._asked({"function": function, "inputs": dict(inputs)}, latest)
        raised = told.get("raised", "")
        if raised and not isinstance(getattr(builtins, str(raised), None), type):
            raised = "an error of its own"  # whatever else stands there could repeat the inputs, which are secret
        return Reply(told.get("answer"), _one_line(raised), bool(told.get("missing")))

    def close(self) -> None:
        """End every process of the cage and remove its folder."""
        self._end_by_itself()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._wait_for_the_last()
        if "namespaces" not in self.protections:
            _end_strays(self._folder)
        with contextlib.suppress(OSError):
            os.close(self._replies)
        _remove(self._folder)

    def _end_by_itself(self) -> None:
        """Ask nothing more and give the process a moment to end, so that its time is counted to ours."""
        with contextlib.suppress(OSError):
            os.close(self._requests)
        for _ in range(20 if hasattr(os, "waitid") else 0):
            # It stays unreaped, so that its number, which is that of its group, is given to nobody else meanwhile.
            if os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG):
                return
            time.sleep(0.005)

    def _wait_for_the_last(self) -> None:
        """What was killed takes a moment to end; then nobody holds the other end of the pipe any more."""
        latest = time.monotonic() + 2
        while (left := latest - time.monotonic()) > 0 and select.select([self._replies], [], [], left)[0]:
            if not os.read(self._replies, 65536):
                return

    def _asked(self, fields: Mapping[str, Any], latest: float) -> dict[str, Any]:
        """The reply to a request; a reply without the request's own number counts as none."""
        self._nonce = secrets.token_hex(16)
        self._send((json.dumps({"nonce": self._nonce, **fields}) + "\n").encode(), latest)
        return self._line(latest)

    def _send(self, message: bytes, latest: float) -> None:
        while message:
            left = latest - time.monotonic()
            if left <= 0 or not select.select([], [self._requests], [], left)[1]:
                raise Broken("it took too long")
            try:
                message = message[os.write(self._requests, message[:65536]) :]
            except OSError:
                raise Broken("its process ended") from None

    def _line(self, latest: float) -> dict[str, Any]:
        while b"\n" not in self._unread:
            left = latest - time.monotonic()
            if left <= 0 or not select.select([self._replies], [], [], left)[0]:
                raise Broken("it took too long")
            piece = os.read(self._replies, 65536)
            if not piece:
                raise Broken("its process ended: it stopped itself, or ran out of memory or time")
            self._unread += piece
            if len(self._unread) > LONGEST_REPLY:
                raise Broken("it answered with more than a megabyte")
        line, self._unread = self._unread.split(b"\n", 1)
        try:
            told = json.loads(line)
        except (ValueError, RecursionError):
            raise Broken("its answer is no data") from None
        if not isinstance(told, dict) or told.get("nonce") != self._nonce:
            raise Broken("it answered what was not asked")
        return told


def _remove(folder: str) -> None:
    """Remove a folder of the student's making, which is empty where it hid a disk of the cage's own.

    `shutil.rmtree` has no answer to a thousand folders inside each other, and stops at those that their owner may not
    enter. What takes longer than PATIENCE stays: without namespaces there is no end to what can be written.
    """
    with contextlib.suppress(OSError):
        os.rmdir(folder)
        return
    for command in (("chmod", "-R", "u+rwx"), ("rm", "-rf")):
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run([*command, folder], capture_output=True, timeout=PATIENCE, check=False)


def _end_strays(folder: str) -> None:
    """End what has left the process group of the cage with this folder: by the environment that it was started with.

    Only root without another user to become can start such a process, and only without namespaces can it outlive.
    """
    mark = f"HOME={folder}".encode()
    for _ in range(20):
        strays = []
        for place in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if mark in place.read_bytes().split(b"\0"):
                    strays.append(int(place.parent.name))
        for process in strays:
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
        if not strays:
            return
        time.sleep(0.05)


def _environment(folder: str) -> Mapping[str, str]:
    one_thread = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
    places = {"HOME": folder, "TMPDIR": folder, "MPLCONFIGDIR": folder, "PATH": "/usr/bin:/bin"}
    others = {"MPLBACKEND": "agg", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0", "LANG": "C.UTF-8"}
    return MappingProxyType(one_thread | places | others)


def _texts(value: Any) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def _one_line(text: Any) -> str:
    """A text of the student's, fit to be shown: short, without line breaks and control characters."""
    return text[:240].encode(errors="replace").decode().translate(CLEARED) if isinstance(text, str) else ""
