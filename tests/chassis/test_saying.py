"""What a service's command line prints may be read by whoever stops after the first line."""

import subprocess
import sys

SAYS = "from chassis.main import _say\nfor n in range(100_000): _say('x' * 80)"


def test_a_reader_that_has_read_enough_is_no_error() -> None:
    saying = subprocess.Popen([sys.executable, "-c", SAYS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert saying.stdout and saying.stderr
    assert saying.stdout.readline()
    saying.stdout.close()
    assert (saying.stderr.read(), saying.wait(60)) == ("", 0)
    saying.stderr.close()
