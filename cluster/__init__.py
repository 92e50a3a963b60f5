"""cluster: where work runs and bytes live."""

import os

# Ray reads it when it is imported. A thread that still asks it for something after the end of a run
# would have it start a new Ray on this machine.
os.environ.setdefault("RAY_ENABLE_AUTO_CONNECT", "0")
