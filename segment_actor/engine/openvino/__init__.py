"""The networks run by OpenVINO, several times as fast on a CPU."""
