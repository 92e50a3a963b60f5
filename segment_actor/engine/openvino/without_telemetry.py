"""OpenVINO without its reporter.

`import openvino` reports itself to Google Analytics, as does each conversion, unless the package
openvino_telemetry is missing; then it takes a stub of its own. A hospital's machine reports
nothing, so here that package is missing. Everybody gets OpenVINO from this module.
"""

from __future__ import annotations

import sys

# None is Python's word for a module that cannot be imported.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino  # noqa: E402  # after the line above
from openvino import opset13 as operations  # noqa: E402  # after the line above

__all__ = ["openvino", "operations"]
