"""The `bench` command: one file a verb, and the one place where errors become exit codes."""

from __future__ import annotations

import io
import sys
import traceback

import typer

from gatebench.cli import aa, baseline, chaos, check, compare, doctor, gate, ls, new, report, run, targets, up, worker
from gatebench.errors import EnvironmentFailure, GatebenchError, Interrupted

app = typer.Typer(
    name="bench",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""What your API or AI gateway really does under load and under faults.

    bench starts the gateway behind Toxiproxy with instrumented providers upstream, drives an open load at it, breaks things on a
    schedule, and writes what happened into a run folder with a report.

    [bold]Start here:[/bold]  bench run failover-outage --target reference

    [bold]Exit codes:[/bold] 0 passed · 1 a check failed · 2 bad input, nothing started · 3 the measurement cannot be trusted ·
    4 the data cannot tell · 5 something would not start · 130 interrupted
    """,
)
app.command("run")(run.run)
app.command("compare")(compare.compare)
app.add_typer(baseline.baseline, name="baseline")
app.command("aa")(aa.aa)
app.command("gate")(gate.gate)
app.command("report")(report.report)
app.add_typer(targets.targets, name="targets")
app.command("ls")(ls.ls)
app.command("check")(check.check)
app.command("new")(new.new)
app.command("doctor")(doctor.doctor)
app.command("up")(up.up)
app.command("down")(up.down)
app.add_typer(chaos.chaos, name="chaos")
app.command("worker")(worker.worker)


@app.callback()
def _root() -> None:
    """Nothing is shared between verbs; this keeps `bench VERB` a group even with one verb."""


def main() -> None:
    """Run the command line; every error ends in the exit code that says what kind it was, never in that of a failed check."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without µ gets a question mark, not a traceback
    try:
        app(standalone_mode=True)
    except (GatebenchError, Interrupted) as error:
        sys.stderr.write(f"bench: {error}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("bench: interrupted\n")
        sys.exit(130)
    except SystemExit as ending:
        if ending.code == 1 and not isinstance(sys.stdout, io.TextIOWrapper):  # Typer's way to end at a broken pipe
            from gatebench.cli.say import UNHEARD

            sys.exit(UNHEARD)
        raise
    except OSError as error:
        if error.filename is None:
            raise
        sys.stderr.write(f"bench: {error.filename}: {error.strerror}\n")
        sys.exit(EnvironmentFailure.exit_code)
    except Exception:
        traceback.print_exc()
        sys.stderr.write("bench: this is a defect of gatebench; please report it with the lines above\n")
        sys.exit(EnvironmentFailure.exit_code)


if __name__ == "__main__":
    main()
