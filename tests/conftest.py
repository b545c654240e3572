"""What holds for every test: generated examples are judged by what they show, not by how fast.

A deadline or a slow generator says how busy the machine is; `pytest-timeout` bounds what hangs.
"""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "sasando", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("sasando")
# A daemon or command that a test starts would compile a thousand modules anew: a second each.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
