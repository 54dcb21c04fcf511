"""`make test` runs its stages two at a time, in order, and a failure stops only what depends on it."""

from tools import test
from tools.chapters import AT_ONCE, SOURCES, sources, trains
from tools.test import ABOUT_RECORDED, EXECUTED_TWICE, Stage, run_all, stages

# Writes when it begins and ends: what ran beside what is read from these lines.
LOGGED = """
import sys, time
from pathlib import Path
log, name, code = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
for word in ("begins", "ends"):
    with log.open("a") as file:
        file.write(f"{name} {word}\\n")
    time.sleep(.05)
sys.exit(code)
"""


def planted(log, name, *needs, code=0, cores=1):
    return Stage(name, "planted", 1, ["python", "-c", LOGGED, str(log), name, str(code)], needs, cores=cores)


def lines(log):
    return [line.split() for line in log.read_text().splitlines()]


def test_what_a_stage_needs_has_ended_before_it_begins(tmp_path):
    log = tmp_path / "log"
    results = run_all([planted(log, "last", "first", "other"), planted(log, "first"), planted(log, "other")])
    assert {result.state for result in results.values()} == {"ok"}
    assert lines(log)[-2:] == [["last", "begins"], ["last", "ends"]]


def test_a_failure_stops_what_needs_it_and_nothing_else(tmp_path):
    log = tmp_path / "log"
    chain = [planted(log, "fails", code=1), planted(log, "next", "fails"), planted(log, "last", "next")]
    results = run_all([*chain, planted(log, "other")])
    states = {name: result.state for name, result in results.items()}
    assert states == {"fails": "FAILED", "next": "not run", "last": "not run", "other": "ok"}
    assert {name for name, _ in lines(log)} == {"fails", "other"}
    assert results["last"].closing == "needs next"


def test_no_more_cores_are_kept_busy_than_there_are(tmp_path):
    log = tmp_path / "log"
    cores = {"one": 1, "two": 1, "three": 1, "wide": AT_ONCE, "four": 1}
    run_all([planted(log, name, cores=count) for name, count in cores.items()])
    busy, most = 0, 0
    for name, word in lines(log):
        busy += cores[name] if word == "begins" else -cores[name]
        most = max(most, busy)
    assert most == AT_ONCE


def test_a_stage_says_how_long_it_took_on_a_processor(tmp_path):
    spinning = Stage("spinning", "planted", 1, ["python", "-c", "for _ in range(20_000_000): pass"])
    sleeping = Stage("sleeping", "planted", 1, ["python", "-c", "import time; time.sleep(.5)"])
    results = run_all([spinning, sleeping])
    assert results["sleeping"].seconds > 0.5
    assert results["sleeping"].busy < results["spinning"].busy


def test_a_stage_takes_the_files_of_its_patterns_and_fails_without_any(tmp_path, monkeypatch):
    monkeypatch.setattr(test, "BUILD", tmp_path)
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").touch()
    only_a = "import sys; from pathlib import Path; sys.exit([Path(file).stem for file in sys.argv[1:]] != ['a'])"
    command = ["python", "-c", only_a]
    present = Stage("present", "planted", 1, command, files=("a.*",))
    lacking = Stage("lacking", "planted", 1, command, files=("a.*", "c.*"))
    results = run_all([present, lacking])
    assert (results["present"].state, results["lacking"].state) == ("ok", "FAILED")
    assert results["lacking"].closing == "there is no c.*"


def test_the_tests_that_failed_are_named_again_at_the_end(tmp_path):
    said = "print('FAILED tests/test_a.py::test_b - assert 1 == 2'); print('1 failed in 0.1s'); raise SystemExit(1)"
    (result,) = run_all([Stage("planted", "planted", 1, ["python", "-c", said])]).values()
    assert result.complaints == ("FAILED tests/test_a.py::test_b - assert 1 == 2",)
    assert result.closing == "1 failed in 0.1s"


def test_what_is_executed_twice_trains():
    for name in EXECUTED_TWICE:
        assert trains(SOURCES / f"{name}.py"), name
    assert 0 < sum(map(trains, sources())) < len(sources())
    (longer,) = [stage for stage in stages(True) if stage.name == "nbval"]
    assert longer.files == ("smoke/_build/run-*/*.ipynb",)


def test_what_can_do_without_recorded_runs_is_executed_without_them():
    assert {source.stem for source in sources()} > set(ABOUT_RECORDED)
    (alone,) = [stage for stage in stages(True) if stage.name == "alone"]
    assert "00-the-thread" in alone.command
    assert not set(ABOUT_RECORDED) & set(alone.command)


def test_every_need_is_a_stage_and_the_longer_pass_leaves_none_out():
    quick, everything = ({stage.name: stage for stage in stages(longer)} for longer in (False, True))
    assert quick.keys() <= everything.keys()
    for asked in (quick, everything):
        assert {need for stage in asked.values() for need in stage.needs} <= asked.keys()
