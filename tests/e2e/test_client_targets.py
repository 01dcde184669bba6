"""Targets behind TLS and Unix sockets, and keys that no run keeps."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gatebench.execution.topology.ports import free_ports
from tests.certificates import authority, leaf
from tests.e2e.bench_command import Bench, listening, wait_for

pytestmark = pytest.mark.e2e

CALM = "dispatch_limit_ms=2000,"
CHECK = 'check("error_share", at_most=0, estimate="point")'
SECRET = "sk-very-secret-4711"


@contextmanager
def nginx(folder: Path, port: int, kind: str) -> Iterator[None]:
    """Run nginx with a certificate of that kind on `port`, and on a Unix socket; it logs what authorization it got."""
    program = shutil.which("nginx")
    if program is None:
        pytest.skip("nginx is not installed")
    found = leaf(kind)
    (folder / "nginx.conf").write_text(f"""
worker_processes 1; daemon off; pid nginx.pid; error_log stderr;
events {{ worker_connections 1024; }}
http {{
  log_format keys '$http_authorization|$http_x_team'; access_log keys.log keys;
  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
  server {{ listen 127.0.0.1:{port} ssl; listen unix:{folder}/gw.sock; ssl_certificate {found.certificate};
    ssl_certificate_key {found.key}; default_type application/json; location / {{ return 200 '{{"ok":1}}'; }} }}
}}""")
    with subprocess.Popen([program, "-p", str(folder), "-c", "nginx.conf"], stderr=subprocess.DEVNULL) as process:
        try:
            wait_for("nginx", lambda: port in listening())
            yield
        finally:
            process.terminate()


def test_a_target_behind_tls(bench: Bench, tmp_path: Path) -> None:
    """With its CA the run passes; without, or for another name, nothing is started and the reason is named."""
    port = free_ports(1)[0]
    url = f"https://127.0.0.1:{port}"
    bench.scenario("brief", checks=CHECK, more=CALM)
    with nginx(tmp_path, port, "good"):
        done = bench("run", "brief", "--target", url, "--tls-ca", str(authority().ca))
        assert done.code == 0, done.out + done.err
        assert bench("run", "brief", "--target", url).code == 2
        refused = bench("run", "brief", "--target", url, "--tls-ca", str(authority().ca), "--tls-server-name", "x.test")
        assert refused.code == 2
        assert "does not verify" in refused.err
        assert "--tls-no-verify" in refused.err
        unverified = bench("run", "brief", "--target", url, "--tls-no-verify")
        assert unverified.code == 0
        assert "are not verified" in unverified.out
        assert bench("run", "brief", "--target", url, "--tls-ca", str(tmp_path / "nginx.conf")).code == 2
    assert len(bench.runs()) == 2


@pytest.mark.slow
def test_faults_on_the_front_link_of_a_tls_target(bench: Bench, tmp_path: Path) -> None:
    """Canaries speak TLS through the link too: latency is proven there and gone afterwards."""
    port = free_ports(1)[0]
    phases = (
        'phase("baseline", "2s"), phase("fault", "3s", faults=[fault("latency", on="front")]), phase("recovery", "3s")'
    )
    bench.scenario("slow-front", phases=phases, checks=CHECK.replace("at_most=0", "at_most=0.5"), more=CALM)
    with nginx(tmp_path, port, "good"):
        done = bench("run", "slow-front", "--target", f"https://127.0.0.1:{port}", "--tls-ca", str(authority().ca))
    assert done.code == 0, done.out + done.err
    assert all(fault["bit"] and fault["gone"] for fault in done.summary()["faults"])


@pytest.mark.slow
def test_a_target_behind_a_unix_socket(bench: Bench, tmp_path: Path) -> None:
    """It is reached without a link, which is said; faults on that link are refused, and so are sockets that are none."""
    bench.scenario("brief", checks=CHECK, more=CALM)
    bench.scenario("broken", phases='phase("fault", "5s", faults=[fault("latency", on="front")])', checks=CHECK)
    with nginx(tmp_path, free_ports(1)[0], "good"):
        done = bench("run", "brief", "--target", f"unix:{tmp_path}/gw.sock")
        assert done.code in {0, 4}, done.out + done.err
        assert "reached without a link" in done.out
        refused = bench("run", "broken", "--target", f"unix:{tmp_path}/gw.sock")
        assert refused.code == 2
        assert "Toxiproxy carries TCP only" in refused.err
    for path in (f"{tmp_path}/none.sock", f"{tmp_path}/nginx.conf", "/" + "x" * 200):
        assert bench("run", "brief", "--target", f"unix:{path}").code == 2


def test_keys_reach_the_target_and_nothing_else(bench: Bench, tmp_path: Path) -> None:
    """Headers and one key a tenant, from a file and from the environment: nginx got them, no file of the run has them."""
    port = free_ports(1)[0]
    keys = tmp_path / "keys.txt"
    keys.write_text(f"{SECRET}-a\n{SECRET}-b\n")
    bench.env["TEAM"] = f"{SECRET}-team"
    more = CALM + f'headers={{"x-team": "env:TEAM"}}, keys="@{keys}",'
    bench.scenario("keyed", traffic="chat(tenants=2, prompt_words=3)", checks=CHECK, more=more)
    with nginx(tmp_path, port, "good"):
        done = bench(
            "run", "keyed", "--target", f"https://127.0.0.1:{port}", "--tls-ca", str(authority().ca), "--workers", "2"
        )
        assert done.code == 0, done.out + done.err
    got = (tmp_path / "keys.log").read_text()
    assert f"Bearer {SECRET}-a|{SECRET}-team" in got
    assert f"Bearer {SECRET}-b|{SECRET}-team" in got
    assert SECRET not in done.out + done.err
    for folder, _, files in os.walk(bench.newest()):
        for file in files:
            assert SECRET.encode() not in (Path(folder) / file).read_bytes(), file


def test_keys_that_are_not_there_or_stand_in_plain(bench: Bench) -> None:
    """Every problem at once, no value shown, nothing started."""
    more = f'headers={{"authorization": "{SECRET}", "x-team": "env:NO_SUCH_TEAM"}}, keys="{SECRET}",'
    bench.scenario("keyed", more=more)
    done = bench("run", "keyed", "--target", "direct")
    assert done.code == 2
    assert 'the header "authorization" holds its value in plain' in done.err
    assert "NO_SUCH_TEAM is not set" in done.err
    assert "they stand there in plain" in done.err
    assert SECRET not in done.err + done.out
    assert bench.runs() == []
