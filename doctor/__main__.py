"""For `python3 -m doctor`."""

from doctor.command import run

run()
