"""How hypothesis runs here."""

from hypothesis import settings

# No deadline: a busy machine is slow, not wrong. Derandomised: the same examples for everybody, so
# that a red test is a change of the code.
settings.register_profile("ctcohort", deadline=None, derandomize=True)
settings.load_profile("ctcohort")
