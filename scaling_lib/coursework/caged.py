"""The inside of a cage: a process that runs a student's cells and calls functions by name. It knows no answers.

    python -I caged.py REQUESTS REPLIES

The arguments are two descriptors; a line is a message, in JSON. First come the settings; before a line of the student's
code runs, everything that can be given up is given up (files, network, other processes, memory, time) and a reply says
which protections hold. Then the cells run, and then each request calls a function. Whatever the student's code does to
this process, all that leaves it is text, which `cage` reads as data.

Not imported by the package: this file runs alone, in an interpreter without the rest of the library.
"""

import contextlib
import ctypes
import importlib.abc
import importlib.util
import json
import os
import resource
import signal
import struct
import sys
import types
from collections.abc import Sequence
from typing import Any, TextIO

__all__: list[str] = []

NOBODY = 65534
MEGABYTE = 1 << 20
NOT_RUN = {"setup", "check", "parameters"}
MOST_ERRORS, LONGEST_ERROR = 20, 200

# Landlock (Linux 5.13 and later): the calls' numbers are those of every architecture. Accesses to files, and in which
# version of the interface each further group came.
CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
PATH_BENEATH, VERSION = 1, 1
WRITE_FILE, READ_FILE, READ_DIR = 1 << 1, 1 << 2, 1 << 3
BITS_OF_FILES = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
ACCESSES_TO_A_FILE = 1 | WRITE_FILE | READ_FILE | 1 << 14 | 1 << 15
NO_TCP, NO_SIGNALS_OR_ABSTRACT_SOCKETS = 0b11, 0b11

SET_PDEATHSIG, SET_NO_NEW_PRIVS = 1, 38
OF_ITS_OWN_USERS = 0x10000000  # CLONE_NEWUSER
# The kernel's keys: of a user and of a session. The number of the call differs from architecture to architecture.
KEYCTL, JOIN_SESSION = {"x86_64": 250, "aarch64": 219}, 1
BIND, RECURSIVE, NO_SUID, NO_DEVICES = 4096, 16384, 2, 4


class Library(importlib.abc.MetaPathFinder):
    """Finds the package of the book in its folder, without showing the folder that it lies in."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != "scaling_lib":
            return None
        place = os.path.join(self.folder, "__init__.py")
        return importlib.util.spec_from_file_location(name, place, submodule_search_locations=[self.folder])


def refuse_files(libc: ctypes.CDLL, readable: Sequence[str], writable: str) -> bool:
    """Refuse every file outside of `readable` and `writable`, TCP, and signals to others; whether the kernel can."""
    version = libc.syscall(CREATE_RULESET, None, 0, VERSION)
    if version < 1:
        return False
    everything = (1 << BITS_OF_FILES.get(version, 16)) - 1
    handled = struct.pack("Q", everything)
    handled += struct.pack("Q", NO_TCP) if version >= 4 else b""
    handled += struct.pack("Q", NO_SIGNALS_OR_ABSTRACT_SOCKETS) if version >= 6 else b""
    ruleset = libc.syscall(CREATE_RULESET, ctypes.create_string_buffer(handled), len(handled), 0)
    if ruleset < 0:
        return False
    reading = READ_FILE | READ_DIR
    allowed = [(path, reading) for path in readable] + [(writable, everything), (os.devnull, READ_FILE | WRITE_FILE)]
    for path, access in allowed:
        try:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        kept = access if os.path.isdir(path) else access & ACCESSES_TO_A_FILE & everything
        rule = ctypes.create_string_buffer(struct.pack("=Qi", kept, place))
        libc.syscall(ADD_RULE, ruleset, PATH_BENEATH, rule, 0)
        os.close(place)
    done = libc.syscall(RESTRICT_SELF, ruleset, 0) == 0
    os.close(ruleset)
    return bool(done)


def closed_to_nobody(path: str) -> str:
    """The highest folder on the way to `path` that another user cannot pass; "" where there is none."""
    parts = os.path.abspath(path).split(os.sep)
    for length in range(2, len(parts) + 1):
        folder = os.sep.join(parts[:length])
        if os.path.isdir(folder) and not os.stat(folder).st_mode & 0o001:
            return folder
    return ""


def open_the_way(libc: ctypes.CDLL, needed: Sequence[str]) -> None:
    """In a mount namespace of our own: where another user cannot pass a folder on the way to what is needed, put an
    empty one in its place that holds this alone. (Python often lies in the home of root.)"""
    behind: dict[str, list[str]] = {}
    for path in needed:
        if os.path.exists(path) and (folder := closed_to_nobody(path)) and folder != path:
            behind.setdefault(folder, []).append(path)
    for folder, paths in behind.items():
        places = {path: os.open(path, os.O_PATH) for path in paths if os.path.isdir(path)}
        _mount(libc, "tmpfs", folder, "tmpfs", NO_SUID | NO_DEVICES, "size=1m,mode=755")
        for path, place in places.items():
            os.makedirs(path, exist_ok=True)
            _mount(libc, f"/proc/self/fd/{place}", path, None, BIND | RECURSIVE, None)
            os.close(place)


def _mount(libc: ctypes.CDLL, source: str, target: str, kind: str | None, flags: int, data: str | None) -> None:
    words = [None if word is None else word.encode() for word in (source, target, kind)]
    if libc.mount(*words, ctypes.c_ulong(flags), None if data is None else data.encode()) != 0:
        raise OSError(ctypes.get_errno(), f"mount {target}")


def become_nobody() -> None:
    """Give up root for good."""
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def leave_keys(libc: ctypes.CDLL, users: bool) -> None:
    """Keys that the kernel keeps outlive a process: the next student's could read what this one left, and this one
    those of our session. A session of its own has none, and neither has a user in a namespace of its own (which also
    has no power over the namespaces before it)."""
    if users:
        libc.unshare(OF_ITS_OWN_USERS)
    if number := KEYCTL.get(os.uname().machine):
        libc.syscall(number, JOIN_SESSION, None)


def set_limits(settings: dict[str, Any]) -> None:
    """Memory, time, size of a file, and no process or thread beside this one."""
    limits = {
        resource.RLIMIT_AS: settings["memory"],
        resource.RLIMIT_CPU: settings["seconds"],
        resource.RLIMIT_FSIZE: 10 * MEGABYTE,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 64,
        resource.RLIMIT_NPROC: 0,
    }
    for limit, value in limits.items():
        with contextlib.suppress(OSError, ValueError):  # some systems know no limit of this kind
            resource.setrlimit(limit, (value, value))


def protect(settings: dict[str, Any]) -> list[str]:
    """Give up what can be given up; the names of what was, beside the limits."""
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    folder, readable, active = os.getcwd(), list(settings["readable"]), []
    nobody = settings["root"]
    if libc and settings["namespaces"]:
        try:
            if nobody:
                open_the_way(libc, [*readable, folder])
            # The folder is a small disk of its own, which goes with the process.
            owner = NOBODY if nobody else os.getuid()
            words = f"size=64m,nr_inodes=1000,mode=700,uid={owner},gid={owner}"
            _mount(libc, "tmpfs", folder, "tmpfs", NO_SUID | NO_DEVICES, words)
            os.chdir(folder)
        except OSError:
            nobody = False
    if libc:
        libc.prctl(SET_NO_NEW_PRIVS, 1, 0, 0, 0)  # Landlock asks for it; and no program that is run makes root of it
    if libc and settings["landlock"] and refuse_files(libc, readable, folder):
        active.append("landlock")
    # Without a mount namespace another user may not be able to read Python, and later imports would fail.
    if nobody and not any(map(closed_to_nobody, (sys.prefix, sys.base_prefix, os.path.dirname(folder)))):
        become_nobody()
        active.append("nobody")
    if libc:
        leave_keys(libc, "nobody" in active or settings["namespaces"])
    if libc and not settings["namespaces"]:
        libc.prctl(SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    set_limits(settings)
    return active


def compiled(source: str, name: str) -> types.CodeType:
    """The code of a cell; where it is no Python, without the lines that are for IPython."""
    try:
        return compile(source, name, "exec")
    except SyntaxError:
        kept = [line for line in source.splitlines() if not line.lstrip().startswith(("%", "!"))]
        return compile("\n".join(kept), name, "exec")


def too_long(signum: int, frame: Any) -> None:
    raise TimeoutError("it took too long")


def words_of(error: BaseException) -> str:
    """What an error says, "" where saying it fails."""
    try:
        return str(error)[:LONGEST_ERROR]
    except BaseException:
        return ""


def run_cells(cells: Sequence[dict[str, Any]], space: dict[str, Any], seconds: float) -> list[str]:
    """Execute the student's cells in turn; what went wrong in each that failed. Later cells still run."""
    errors = []
    for number, cell in enumerate(cells, 1):
        if NOT_RUN & set(cell["tags"]):
            continue
        try:
            signal.setitimer(signal.ITIMER_REAL, seconds)
            exec(compiled(cell["source"], f"cell {number}"), space)
        except BaseException as error:
            errors.append(f"cell {number}: {type(error).__name__}: {words_of(error)}")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    return errors[:MOST_ERRORS]


def plain(value: Any) -> Any:
    """Arrays and numbers of numpy as Python's; anything else that is no data raises TypeError."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is no data")


def answered(space: dict[str, Any], request: dict[str, Any], seconds: float) -> dict[str, Any]:
    """The reply to a request: an answer as plain data, or what happened instead. It repeats no word of the student's:
    an error's message could hold the inputs, which are secret."""
    try:
        function = space.get(request["function"])
        if not callable(function):
            return {"missing": True}
        signal.setitimer(signal.ITIMER_REAL, seconds)
        answer = function(**request["inputs"])
        return {"answer": None if answer is Ellipsis else json.loads(json.dumps(answer, default=plain))}
    except BaseException as error:
        return {"raised": type(error).__name__ if type(error).__module__ == "builtins" else "an error of its own"}
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def main(requests: TextIO, replies: TextIO) -> None:
    """Answer requests until there are no more."""

    def reply(nonce: str, **fields: Any) -> None:
        replies.write(json.dumps({"nonce": nonce, **fields}) + "\n")
        replies.flush()

    settings = json.loads(requests.readline())
    null = open(os.devnull, "w")  # noqa: SIM115
    import numpy  # before the limits: it maps much

    sys.meta_path.insert(0, Library(settings["library"]))
    reply(settings["nonce"], protections=protect(settings))
    sys.modules["__main__"] = types.ModuleType("__main__")
    sys.stdout = sys.stderr = null
    signal.signal(signal.SIGALRM, too_long)
    nothing = types.SimpleNamespace(done=lambda *args, **fields: None).done
    space = {"__name__": "__main__", "np": numpy, "check": nothing, "display": nothing, "get_ipython": nothing}
    given = set(space)
    errors = run_cells(settings["cells"], space, settings["cell_seconds"])
    names = [name for name, value in space.items() if isinstance(value, types.FunctionType) and name not in given]
    reply(settings["nonce"], errors=errors, names=names[:200])
    for line in requests:
        request = json.loads(line)
        reply(request["nonce"], **answered(space, request, settings["call_seconds"]))


if __name__ == "__main__":
    with contextlib.suppress(BaseException):
        main(os.fdopen(int(sys.argv[1])), os.fdopen(int(sys.argv[2]), "w"))
    os._exit(0)
