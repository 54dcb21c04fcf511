"""A valid call for each public name of environment."""


from scaling_lib import environment, session
from tests import scratch
from tests.runs.sweeping.test_sweeps import RUNS

SESSION = session.Session("smoke", "cpu", scratch.folder())
RECORDED = session.Session("recorded", "cpu", SESSION.home)

EXAMPLES = [
    (environment.profile, {"name": "smoke"}),
    (environment.mirror, {}),
    (environment.device_words, {"name": "cpu"}),
    (environment.single_thread, {"at_once": True}),
    (session.begin, {"name": "recorded"}),
    (session.Session, {"profile": "smoke", "device": "cpu", "home": SESSION.home, "mirror": None}),
    (SESSION.restore, {}),
    (SESSION.recorded, {"name": "er-100"}),
    (RECORDED.expected_minutes, {"name": "er-100"}),
    (RECORDED.own, {"name": "er-100"}),
    (SESSION.store_path, {"name": "er-100"}),
    (SESSION.train, {"name": "tiny", "configurations": [RUNS[0]]}),
]
