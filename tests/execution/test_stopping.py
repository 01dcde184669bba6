"""A run is stopped when, and only when, a condition was met on live samples."""

from gatebench.execution.load.state import LoadState
from gatebench.execution.stopping import Stopper
from gatebench.scenario import StopWhen

S = 1_000_000_000


def test_a_number_of_bad_requests_stops_at_once() -> None:
    """The tenth is one too many where ten are named."""
    stopper = Stopper(StopWhen(bad_requests=10))
    assert stopper.why(0, LoadState(ok=100, bad=9)) is None
    assert "10 requests ended badly" in str(stopper.why(1, LoadState(ok=100, bad=10)))


def test_an_error_rate_is_that_of_the_last_stretch() -> None:
    """Errors of long ago do not count, few requests say nothing, and it takes the whole stretch."""
    stopper = Stopper(StopWhen(error_rate=0.5, over="2s"))
    assert stopper.why(0, LoadState(ok=0, bad=1000)) is None
    assert stopper.why(2 * S, LoadState(ok=100, bad=1010)) is None
    assert stopper.why(4 * S, LoadState(ok=101, bad=1018)) is None, "nine finished requests are too few"
    assert "83.3% of 120" in str(stopper.why(5 * S, LoadState(ok=120, bad=1110)))


def test_a_slow_p99_must_last() -> None:
    """One fast look in between and the clock starts anew."""
    stopper = Stopper(StopWhen(p99_ms=100, over="1s"))
    slow, fast = LoadState(p99_ms=300.0), LoadState(p99_ms=50.0)
    assert [stopper.why(at, state) for at, state in ((0, slow), (S // 2, slow), (S - 1, fast), (S, slow))] == [None] * 4
    assert stopper.why(2 * S - 1, slow) is None
    assert "p99 stayed above 100 ms for 1s" in str(stopper.why(2 * S, slow))
    assert stopper.why(3 * S, LoadState(p99_ms=None)) is None


def test_a_healthy_run_goes_on() -> None:
    """All conditions at once, none met."""
    stopper = Stopper(StopWhen(error_rate=0.2, p99_ms=100, bad_requests=100))
    for second in range(60):
        state = LoadState(ok=100 * second, bad=second, p99_ms=40.0)
        assert stopper.why(second * S, state) is None
