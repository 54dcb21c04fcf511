"""A valid call for each public name of environment."""

import tempfile
from pathlib import Path

from scaling_lib import environment, session
from tests.runs.sweeping.test_sweeps import RUNS

SESSION = session.Session("smoke", "cpu", Path(tempfile.mkdtemp()))
RECORDED = session.Session("recorded", "cpu", SESSION.home)

EXAMPLES = [
    (environment.profile, {"name": "smoke"}),
    (session.begin, {"name": "recorded"}),
    (session.Session, {"profile": "smoke", "device": "cpu", "home": SESSION.home}),
    (SESSION.recorded, {"name": "er-100"}),
    (RECORDED.expected_minutes, {"name": "er-100"}),
    (RECORDED.own, {"name": "er-100"}),
    (SESSION.store_path, {"name": "er-100"}),
    (SESSION.train, {"name": "tiny", "configurations": [RUNS[0]]}),
]
