"""Attacks on the grader, one a test: each is graded without harm, and nothing of it is left running."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest

import coursework
import scaling_lib
from scaling_lib.coursework.cage import PROTECTIONS, Cage, Limits
from scaling_lib.coursework.grading import Assignment, grade
from tests import scratch
from tests.coursework.notebooks import notebook, written

SECRET = "a secret of the tests"
KEYS = ("tokens-to-the-floor", "units")
ASSIGNMENT = Assignment("first", tuple(coursework.EXERCISES[key] for key in KEYS), SECRET)
RIGHT = """
import numpy as np
def counting_excess(nodes, edges, tokens, context):
    return (2 * edges - nodes) / 2 / (tokens * (context - 1) / context)
"""
UNITS = """
def in_nats_and_tokens(E, B, beta):
    return [E * np.log(2), B * np.log(2) * 10 ** (6 * beta), beta]
"""
# Short for an attack that never ends, and long enough for numpy to be imported where other stages keep the cores busy.
QUICK = Limits(seconds=40, cell_seconds=3, call_seconds=3, memory=1 << 30)
# Of the cages of this process alone: other tests may grade at the same time.
FOLDER = scratch.folder()
FOLDER.chmod(0o755)  # the one who runs a cage may be another user
MARK = "HOME=" + os.path.join(FOLDER, "cage-")


@pytest.fixture(autouse=True)
def cages_are_told_apart(monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(FOLDER))
    monkeypatch.setenv("TMPDIR", str(FOLDER))


def processes_of_cages() -> list[str]:
    """Every process that was started with a cage's environment, wherever it has gone."""
    left = []
    for place in Path("/proc").glob("[0-9]*/environ"):
        try:
            started_with = place.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if any(variable.startswith(MARK) for variable in started_with):
            left.append(place.parent.name)
    return left


@pytest.fixture
def graded(tmp_path):
    """Grade cells of code; afterwards nothing may be left running."""

    def run(*sources, limits=QUICK, without=()):
        marks = grade(written(tmp_path, notebook("first", *sources)), ASSIGNMENT, limits=limits, without=without)
        assert processes_of_cages() == []
        return marks

    return run


@pytest.fixture(scope="module")
def held():
    with Cage([], QUICK, deadline=time.monotonic() + 20) as running:
        return running.protections


def states(marks):
    return [(mark.state, mark.points) for mark in marks.marks]


FULL, NONE = ("right", 4), ("wrong", 0)


def test_right_answers_get_their_points_and_the_protections_are_named(graded):
    marks = graded(RIGHT, UNITS)
    assert states(marks) == [FULL, FULL]
    assert set(marks.protections) <= set(PROTECTIONS)
    assert (marks.note, marks.failed_cells) == ("", ())


def test_stubs_are_not_attempted(graded):
    marks = graded("def counting_excess(nodes, edges, tokens, context):\n    ...", "x = 1")
    assert [mark.state for mark in marks.marks] == ["not attempted", "not attempted"]
    assert "There is no function `in_nats_and_tokens`" in marks.marks[1].says


@pytest.mark.parametrize(
    "attack",
    [
        "import os\nos._exit(0)",
        "import ctypes\nctypes.string_at(0)",
        "import os\nfor place in range(3, 1024):\n    try: os.close(place)\n    except OSError: pass",
    ],
)
def test_ending_the_process_ends_only_that(graded, attack):
    marks = graded(attack, RIGHT)
    assert states(marks) == [NONE, NONE]
    assert all("its process ended" in mark.says for mark in marks.marks)


@pytest.mark.parametrize(
    "attack",
    [
        "import sys\nsys.exit(0)",
        "raise KeyboardInterrupt",
        "while True:\n    pass",
        "x = (",
        "x = [0] * 10**10",
        "class Mute(Exception):\n    def __str__(self): raise SystemExit\nraise Mute",
    ],
)
def test_later_cells_still_count(graded, attack):
    marks = graded(attack, RIGHT, UNITS)
    assert states(marks) == [FULL, FULL]
    assert len(marks.failed_cells) == 1
    assert marks.failed_cells[0].startswith("cell 1: ")


STUBBORN = """
def stubborn():
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
"""


def test_a_loop_that_swallows_the_interruption_is_ended_at_import(graded):
    marks = graded(STUBBORN + "stubborn()", RIGHT, limits=Limits(seconds=2, cell_seconds=0.3))
    assert states(marks) == [NONE, NONE]
    assert "it took too long" in marks.marks[0].says


@pytest.mark.parametrize("body", ["while True: pass", "stubborn()", "import os; os._exit(0)", "return 'x' * 10**7"])
def test_a_call_that_breaks_the_cage_costs_its_own_exercise_only(graded, body):
    attack = STUBBORN + f"def counting_excess(nodes, edges, tokens, context):\n    {body}"
    assert states(graded(RIGHT, attack, UNITS)) == [NONE, FULL]


def test_a_memory_bomb_in_a_call(graded):
    attack = "def counting_excess(**inputs):\n    held = []\n    while True: held.append(bytearray(10**8))"
    marks = graded(RIGHT, attack, UNITS, limits=Limits(seconds=20, memory=1 << 29))
    assert states(marks) == [NONE, FULL]
    assert "MemoryError" in marks.marks[0].says


DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.chdir("/")
        time.sleep(1000)
    os._exit(0)
"""


@pytest.mark.parametrize(
    "attack",
    [
        "import os\nwhile True: os.fork()",
        DAEMON,
        "import subprocess\nsubprocess.Popen(['sleep', '1000'], start_new_session=True)",
        "import threading\nfor _ in range(1000): threading.Thread(target=print).start()",
    ],
)
def test_no_second_process(graded, attack, held):
    if os.geteuid() == 0 and "nobody" not in held:
        pytest.skip("nothing limits the processes of root here, and one of these attacks would take the machine")
    marks = graded(attack, RIGHT, UNITS)
    assert states(marks) == [FULL, FULL]
    assert len(marks.failed_cells) == 1


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root can start a process there")
@pytest.mark.parametrize("without", [("namespaces", "nobody"), ("nobody",)])
def test_a_daemon_of_root_is_ended_as_well(graded, without):
    graded(DAEMON, RIGHT, without=without)


def test_a_file_that_is_too_large(graded):
    attack = "with open('large', 'wb') as file: file.write(bytes(64 << 20))"
    marks = graded(attack, RIGHT, UNITS, limits=Limits(seconds=20))
    assert states(marks) == [FULL, FULL]
    assert marks.failed_cells[0].startswith("cell 1: OSError")


DEEP = """
import os
for _ in range(1100):
    os.mkdir("inside")
    os.chdir("inside")
"""


@pytest.mark.parametrize("without", [(), ("nobody",), PROTECTIONS])
def test_folders_inside_each_other_do_not_stop_the_grader(graded, without):
    """Python's own way to remove them ends with a RecursionError."""
    assert states(graded(DEEP, RIGHT, UNITS, without=without)) == [FULL, FULL]


@pytest.mark.parametrize("without", [("nobody",), PROTECTIONS])
def test_a_folder_that_nobody_may_enter_is_removed(graded, without):
    attack = "import os\nos.makedirs('outer/inner')\nos.chmod('outer', 0)\nos.chmod('.', 0)"
    before = set(FOLDER.glob("cage-*"))
    assert states(graded(attack, RIGHT, UNITS, without=without)) == [FULL, FULL]
    assert set(FOLDER.glob("cage-*")) == before


@pytest.mark.parametrize("without", [(), ("nobody",)])
@pytest.mark.parametrize(
    "attack",
    [
        "for place in range(1500): open(str(place), 'wb').close()",
        "for place in range(9): open(str(place), 'wb').write(bytes(9 << 20))",
    ],
)
def test_our_disk_is_not_filled(graded, held, attack, without):
    if "namespaces" not in held:
        pytest.skip("nothing limits what is written here, but the time")
    marks = graded(attack, RIGHT, UNITS, without=without)
    assert states(marks) == [FULL, FULL]
    assert "No space left on device" in marks.failed_cells[0]


@pytest.mark.parametrize(
    "flood",
    [
        "print('x' * 10**8)",
        "import os\nos.write(1, b'x' * 10**7)",
        "import os\nfor place in range(3, 1024):\n    try: os.write(place, b'x' * 10**7)\n    except OSError: pass",
    ],
)
def test_a_flood_of_output(graded, flood):
    marks = graded(flood, RIGHT, UNITS)
    assert all(state in (FULL, NONE) for state in states(marks))


FORGED = """
import json, os
for place in range(3, 1024):
    for line in ({"nonce": "", "answer": 1.0}, {"answer": [1, 2]}, {"protections": ["all"], "names": [], "errors": []}):
        try: os.write(place, (json.dumps(line) + chr(10)).encode())
        except OSError: pass
"""


def test_replies_that_were_not_asked_for(graded):
    marks = graded(FORGED, RIGHT, UNITS)
    assert states(marks) == [NONE, NONE]
    assert "it answered what was not asked" in marks.marks[0].says
    assert "all" not in marks.protections


FORGED_CELLS = """
import json, sys, time
frame = sys._getframe()
while "settings" not in frame.f_locals:
    frame = frame.f_back
replies, nonce = frame.f_locals["replies"], frame.f_locals["settings"]["nonce"]
said = {"nonce": nonce, "errors": ["x"] * 30_000, "names": ["counting_" + "excess"[::-1]] * 30_000}
replies.write(json.dumps(said) + chr(10))
replies.flush()
for line in frame.f_locals["requests"]:
    replies.write(json.dumps({"nonce": json.loads(line)["nonce"], "missing": True}) + chr(10))
    replies.flush()
"""


def test_what_a_forged_reply_says_of_the_cells_is_kept_short(graded):
    """Thousands of names would be compared with that of each function, and thousands of failed cells be printed."""
    with Cage([{"source": FORGED_CELLS, "tags": []}], QUICK, deadline=time.monotonic() + 20) as running:
        assert len(running.errors) == 20
        assert len(running.names) == 200
    begun = time.process_time()
    marks = graded(FORGED_CELLS)
    assert time.process_time() - begun < 2
    assert [mark.state for mark in marks.marks] == ["not attempted", "not attempted"]


def test_words_of_a_cell_command_no_terminal(graded):
    marks = graded("raise ValueError('a' + chr(27) + '[2J' + chr(0x202e) + 'b' + chr(0x2066) + chr(0x9b))")
    (line,) = marks.failed_cells
    assert line == "cell 1: ValueError: a [2J b  "


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        "[" * 100_000,
        "{}",
        *(pytest.param(line, marks=pytest.mark.slow) for line in ("9" * 10_000, "[1]", '"x"', "null")),
    ],
)
def test_replies_that_are_no_data(graded, line):
    attack = f"import os\nline = {line!r} + chr(10)\ndef counting_excess(**inputs):\n"
    attack += (
        "    for place in range(3, 1024):\n        try: os.write(place, line.encode())\n        except OSError: pass"
    )
    assert states(graded(RIGHT, attack, UNITS))[0] == NONE


ANSWERS = {
    "a float that is equal to everything": "class Lies(float):\n    def __eq__(self, other): return True\n"
    "    def __sub__(self, other): return 0.0\n    def __rsub__(self, other): return 0.0\nanswer = Lies(1)",
    "a number beyond all": "answer = 10 ** 3000",
    "deep": "answer = 1\nfor _ in range(500): answer = [answer]",
    "ragged": "answer = [[1, 2], [3]]",
    "a dict": "answer = {'a': 1}",
    "infinite": "answer = float('inf')",
    "true": "answer = True",
    "an object": "answer = object()",
    "a surrogate": "answer = chr(0xd800)",
    "code": "class Code:\n    def __reduce__(self): return (print, ('executed',))\nanswer = Code()",
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_that_are_no_number(graded, name):
    attack = f"{ANSWERS[name]}\ndef counting_excess(**inputs): return answer"
    marks = graded(RIGHT, attack, UNITS)
    assert states(marks) == [NONE, FULL]
    assert "\n" not in marks.marks[0].says


PATCHES = """
import json, numpy, scaling_lib.coursework.exercises as exercises, scaling_lib.coursework.grading as grading
numpy.abs = lambda *values: 0.0
numpy.asarray = lambda *values, **fields: 1.0
exercises.diagnose = lambda *values, **fields: exercises.all_right(3)
exercises.close = lambda *values: True
grading.draw_cases = lambda *values: []
numpy.random.default_rng = lambda *values: None
json.loads = lambda text: {}
def counting_excess(**inputs): return 1.0
"""


def test_patches_stay_in_the_cage(graded):
    assert states(graded(PATCHES, UNITS))[0] == NONE
    assert states(graded(RIGHT, UNITS)) == [FULL, FULL]


def test_what_kills_others_kills_nobody(graded):
    """Every process that can be seen or guessed, the parent first, and itself by a signal and by another program."""
    attack = f"import os\nfor process in [os.getppid(), {os.getpid()}, {os.getppid()}, os.getpid(), -1]:\n"
    attack += "    try: process and os.kill(process, 9)\n    except OSError: pass"
    other = "import os\nos.execv('/bin/sh', ['sh', '-c', 'yes'])"
    marks = graded(attack, other, RIGHT, UNITS)
    assert all(state in (FULL, NONE) for state in states(marks))


def test_hidden_inputs_are_not_repeated(graded):
    """A function that raises its inputs, or forges a reply that holds them, puts them in no report."""
    raising = "class Told(Exception): pass\ndef counting_excess(**inputs): raise Told(repr(inputs))"
    naming = "def in_nats_and_tokens(**inputs):\n    raise type(repr(inputs), (Exception,), {})()"
    marks = graded(raising, naming)
    cases = [case for exercise in ASSIGNMENT.exercises for case in ASSIGNMENT.cases(exercise)]
    told = repr(replace(marks, seconds=0.0))  # whose digits hold any number of three digits now and then
    assert states(marks) == [NONE, NONE]
    assert not any(str(value) in told for case in cases for value in case.values() if value > 100)
    assert not any(repr(case["E"]) in told for case in cases if "E" in case)
    assert SECRET not in told
    assert SECRET not in repr(ASSIGNMENT)


def test_hidden_inputs_are_not_repeated_by_the_shape_of_an_answer(graded):
    marks = graded("def in_nats_and_tokens(E, B, beta): return [[0] * int(1000 * E)] * 2")
    assert marks.marks[1].says == "Here 3 numbers are expected; yours has another shape."


# The kernel's keys: add_key and keyctl, and of keyctl the commands 8, 10 and 11: link (the user's keys to the session,
# which may be read), search and read.
KEYS_OF_THE_KERNEL = {"x86_64": (248, 250), "aarch64": (217, 219)}
LEAVING = """
import ctypes, os
from dataclasses import replace
ADD, CONTROL = {numbers}
libc = ctypes.CDLL(None)
def leave(text):
    libc.syscall(CONTROL, 8, -4, -3)
    return libc.syscall(ADD, b"user", b"left", text.encode(), len(text), -4) > 0
def read():
    libc.syscall(CONTROL, 8, -4, -3)
    held = ctypes.create_string_buffer(100)
    libc.syscall(CONTROL, 11, libc.syscall(CONTROL, 10, -4, b"user", b"left", 0), held, 100)
    return held.value.decode()
"""


@pytest.mark.parametrize("without", [(), ("nobody",)])
def test_no_key_of_the_kernel_is_passed_on(held, without):
    """Keys stay when a process ends, and in a report a next one could repeat the inputs that this one was asked."""
    numbers = KEYS_OF_THE_KERNEL.get(os.uname().machine)
    if numbers is None or "namespaces" not in held:
        pytest.skip("on this machine keys have other numbers, or nothing that hides them")
    cells = [{"source": LEAVING.format(numbers=numbers), "tags": []}]
    with Cage(cells, QUICK, deadline=time.monotonic() + 20, without=without) as first:
        if not first.ask("leave", {"text": "inputs"}).answer:
            pytest.skip("this kernel keeps no keys")
        assert first.ask("read", {}).answer == "inputs"
        with Cage(cells, QUICK, deadline=time.monotonic() + 20, without=without) as second:
            assert second.ask("read", {}).answer == ""


def test_hidden_inputs_are_not_repeated_by_a_cage_that_comes_after(graded, tmp_path):
    """Without protection a function can leave its inputs in a file and end its process; the cells then run again."""
    place = tmp_path / "left"
    tmp_path.chmod(0o777)
    attack = f"import os\nif os.path.exists({str(place)!r}): raise ValueError(open({str(place)!r}).read())"
    leaving = "def counting_excess(**inputs):\n"
    leaving += f"    with open({str(place)!r}, 'w') as file: file.write(repr(inputs))\n    os._exit(0)"
    marks = graded("import os", attack, leaving, UNITS, without=PROTECTIONS)
    assert place.exists()
    assert states(marks) == [NONE, FULL]
    assert marks.failed_cells == ()


# Files, network and processes: as far as this machine can protect them


def answer_of(source, **fields):
    cells = [{"source": f"def answer():\n    {source}", "tags": []}]
    with Cage(cells, QUICK, deadline=time.monotonic() + 20, **fields) as running:
        return running.ask("answer", {})


OURS = {
    "the answers": coursework.chapter1.__file__,
    "this test": __file__,
    "passwords": "/etc/passwd",
    "what the grader was started with": f"/proc/{os.getpid()}/environ",
}


@pytest.mark.parametrize("place", OURS)
def test_no_file_of_ours_is_read(place, held):
    if "landlock" not in held:
        pytest.skip("this kernel has no Landlock")
    assert answer_of(f"return len(open({OURS[place]!r}, 'rb').read())").raised == "PermissionError"


def test_no_file_is_written_outside(held, tmp_path):
    tmp_path.chmod(0o777)
    reply = answer_of(f"open({str(tmp_path / 'written')!r}, 'w').write('x')")
    if "landlock" in held or "nobody" in held:
        assert reply.raised in ("PermissionError", "FileNotFoundError")
        assert list(tmp_path.iterdir()) == []


def test_files_may_be_written_inside_and_are_gone_afterwards(held):
    before = set(Path(tempfile.gettempdir()).glob("cage-*"))
    assert answer_of("open('mine', 'w').write('abc'); return len(open('mine').read())").answer == 3
    assert set(Path(tempfile.gettempdir()).glob("cage-*")) <= before


def test_no_network(held):
    if not {"landlock", "namespaces"} & set(held):
        pytest.skip("nothing protects the network here")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        attack = f"import socket; socket.create_connection(('127.0.0.1', {port}), 1); return 1"
        assert answer_of(attack).raised in ("PermissionError", "OSError", "ConnectionRefusedError")
        if "landlock" in held:
            assert answer_of(attack, without=["namespaces", "nobody"]).raised == "PermissionError"


def test_nobody_is_who_runs_it_where_we_are_root(held):
    if os.geteuid() == 0 and "namespaces" in held:
        assert "nobody" in held
        assert answer_of("import os; return os.getuid()").answer == 65534


def test_the_secret_is_in_nothing_that_the_cage_can_see(held):
    os.environ["SCALING_TEST_SECRET"] = SECRET
    try:
        assert answer_of("import os, sys; return repr(dict(os.environ)) + repr(sys.argv)").answer.count(SECRET) == 0
    finally:
        del os.environ["SCALING_TEST_SECRET"]


@pytest.mark.parametrize("without", [["landlock"], ["namespaces"], ["nobody"], list(PROTECTIONS)])
def test_a_protection_that_is_missing_is_not_named(without, held):
    with Cage([], QUICK, deadline=time.monotonic() + 20, without=without) as running:
        assert set(running.protections) <= set(held) - set(without)


def test_a_library_of_the_book_and_scipy_can_be_used():
    with Cage([], Limits(), deadline=time.monotonic() + 30):
        pass
    cells = [{"source": "import scipy.special, scaling_lib.data.chains as chains", "tags": []}]
    cells += [{"source": "def answer(): return chains.ring(5).entropy_rate + scipy.special.expit(0)", "tags": []}]
    with Cage(cells, Limits(), deadline=time.monotonic() + 30) as running:
        assert running.errors == []
        assert running.ask("answer", {}).answer == pytest.approx(1.193147, abs=1e-6)


def test_a_cage_ends_with_its_grader():
    """A grader that is killed leaves nothing behind, even from a loop that never reads its requests."""
    program = (
        "import time\nfrom scaling_lib.coursework.cage import Cage, Limits\n"
        "cells = [{'source': 'print()\\nimport time\\ntime.sleep(1000)', 'tags': []}]\n"
        "Cage(cells, Limits(cell_seconds=500, seconds=500), deadline=time.monotonic() + 500)"
    )
    home = Path(scaling_lib.__file__).parents[1]
    with subprocess.Popen([sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": str(home)}) as grader:
        deadline = time.monotonic() + 20
        while not processes_of_cages() and time.monotonic() < deadline:
            time.sleep(0.05)
        grader.send_signal(signal.SIGKILL)
    while processes_of_cages() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_of_cages() == []
