"""Every check refuses what it must, in one sentence that names the argument, the value and a remedy."""

import math

import numpy as np
import pytest

from scaling_lib import errors

REFUSED = [
    (errors.check_integer, ("nodes", 1.0), {}, "1.0"),
    (errors.check_integer, ("nodes", True), {}, "True"),
    (errors.check_integer, ("nodes", -3), {"minimum": 0}, "-3"),
    (errors.check_integer, ("nodes", 9), {"maximum": 8}, "9"),
    (errors.check_real, ("rate", math.nan), {}, "nan"),
    (errors.check_real, ("rate", 10**400), {}, "1"),
    (errors.check_real, ("rate", 0), {"above": 0}, "0"),
    (errors.check_real, ("rate", 1), {"below": 1}, "1"),
    (errors.check_real, ("rate", "x"), {}, "'x'"),
    (errors.check_flag, ("tied", 1), {}, "1"),
    (errors.check_text, ("name", ""), {}, "''"),
    (errors.check_choice, ("kind", "mupp", ("sp", "mup")), {}, "'mupp'"),
    (errors.check_choice, ("kind", np.zeros(3), ("sp", "mup")), {}, "shape (3,)"),
    (errors.check_instance, ("chain", 3, dict), {"remedy": "build one"}, "3"),
    (errors.check_sequence, ("runs", "abc", str), {"remedy": "pass a list"}, "'abc'"),
    (errors.check_sequence, ("runs", ["a", 1], str), {"remedy": "pass a list"}, "1"),
    (errors.check_path, ("path", "\0"), {}, "'\\x00'"),
    (errors.check_array, ("x", [[1], [1, 2]]), {}, "[[1], [1, 2]]"),
    (errors.check_array, ("x", ["a"]), {}, "['a']"),
    (errors.check_array, ("x", [1.5]), {"kind": "integer"}, "[1.5]"),
    (errors.check_array, ("x", [1.0]), {"dimensions": 2}, "shape (1,)"),
    (errors.check_array, ("x", [1.0, math.nan]), {}, "nan at entry 1"),
    (errors.check_array, ("x", [1.0, -1.0]), {"minimum": 0}, "-1.0 at entry 1"),
    (errors.check_array, ("x", [1.0, 0.0]), {"above": 0}, "0.0 at entry 1"),
    (errors.check_array, ("x", [1.0]), {"length": 2}, "shape (1,)"),
    (errors.check_array, ("x", [1.0]), {"least": 2}, "shape (1,)"),
]


@pytest.mark.parametrize(("check", "args", "options", "shown"), REFUSED)
def test_refusal_is_one_sentence(check, args, options, shown):
    with pytest.raises(errors.InvalidArgument) as caught:
        check(*args, **options)
    message = str(caught.value)
    assert args[0] in message
    assert shown in message
    assert "\n" not in message
    assert ": " in message  # the remedy
    assert message.endswith(".")


def test_accepted_values_come_back_in_their_type():
    assert errors.check_integer("n", np.int64(3), minimum=3, maximum=3) == 3
    assert type(errors.check_integer("n", np.int64(3))) is int
    assert type(errors.check_real("x", np.float32(0.5), minimum=0, below=1)) is float
    assert errors.check_array("x", [1, 2], dimensions=1, above=0).dtype == np.float64
    assert errors.check_array("x", [1, 2], kind="integer").dtype == np.int64
    assert errors.check_sequence("x", ["a"], str, remedy="pass a list") == ("a",)
    assert errors.check_flag("x", np.True_) is True
    assert errors.check_choice("kind", "sp", ("sp",)) == "sp"


def test_one_family():
    for kind in (errors.InvalidArgument, errors.InvalidData, errors.StoreError, errors.MissingDependency):
        assert issubclass(kind, errors.ScalingLabError)
