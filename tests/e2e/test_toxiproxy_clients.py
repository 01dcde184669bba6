"""Clients that others published drive both engines: toxiproxy-python as it comes, and toxiproxy-node-client from npm."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import toxiproxy

from tests.execution.toxiproxy.rig import Server, Upstream, echo_ms, echoing, read

pytestmark = pytest.mark.e2e

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def python_client(server: Server) -> Iterator[Any]:
    """The package with its own, global, idea of where the server is."""
    client = toxiproxy.Toxiproxy()
    client.update_api_consumer("127.0.0.1", server.port)
    yield client
    client.update_api_consumer("127.0.0.1", 8474)


class TestPython:
    def test_a_session(self, python_client: Any, upstream: Upstream) -> None:
        """Everything the package can do, in the order a user would."""
        assert python_client.running()
        assert json.loads(python_client.version())["version"]
        proxy = python_client.create(upstream=upstream.address, name="it", listen="127.0.0.1:0")
        port = int(proxy.listen.rpartition(":")[2])
        assert list(python_client.proxies()) == ["it"]
        proxy.add_toxic(type="latency", attributes={"latency": 50, "jitter": 0})
        proxy.add_toxic(name="limit", type="limit_data", stream="upstream", toxicity=1.0, attributes={"bytes": 5})
        assert sorted(proxy.toxics()) == ["latency_downstream", "limit"]
        assert proxy.get_toxic("limit").attributes == {"bytes": 5}
        client, far = upstream.pair(port)
        echoing(far)
        assert echo_ms(client) >= 50
        assert proxy.destroy_toxic("latency_downstream")
        with proxy.down(), pytest.raises(ConnectionRefusedError):
            upstream.connect(port)
        client, far = upstream.pair(port)
        client.sendall(b"0123456789")
        assert read(far, 10) == b"01234"
        assert python_client.reset()
        assert python_client.get_proxy("it").toxics() == {}
        assert proxy.destroy()
        assert python_client.get_proxy("it") is None

    @pytest.mark.parametrize(
        ("type_name", "attributes"),
        [
            ("latency", {"latency": 1, "jitter": 1}),
            ("bandwidth", {"rate": 100}),
            ("slow_close", {"delay": 1}),
            ("timeout", {"timeout": 1}),
            ("reset_peer", {"timeout": 1}),
            ("slicer", {"average_size": 10, "size_variation": 1, "delay": 1}),
            ("limit_data", {"bytes": 1}),
        ],
    )
    def test_every_toxic(self, python_client: Any, type_name: str, attributes: dict[str, int]) -> None:
        """Put on, read back, taken off."""
        proxy = python_client.create(upstream="127.0.0.1:1", name="it")
        for stream in ("upstream", "downstream"):
            proxy.add_toxic(type=type_name, stream=stream, toxicity=0.5, attributes=attributes)
        shown = proxy.toxics()
        assert {name: (toxic.attributes, toxic.toxicity) for name, toxic in shown.items()} == {
            f"{type_name}_{stream}": (attributes, 0.5) for stream in ("upstream", "downstream")
        }
        assert all(proxy.destroy_toxic(name) for name in shown)
        assert proxy.toxics() == {}

    def test_what_is_wrong_is_raised(self, python_client: Any) -> None:
        """Its own exceptions."""
        from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists

        proxy = python_client.create(upstream="127.0.0.1:1", name="it")
        with pytest.raises(ProxyExists):
            python_client.create(upstream="127.0.0.1:1", name="it")
        with pytest.raises(InvalidToxic):
            proxy.add_toxic(type="gremlins")
        with pytest.raises(InvalidToxic):
            proxy.add_toxic(type="latency", stream="sideways")
        with pytest.raises(NotFound):
            proxy.destroy_toxic("nope")

    def test_populate(self, python_client: Any) -> None:
        """A list; what is there already stays."""
        wanted = [{"name": name, "upstream": "127.0.0.1:1", "listen": "127.0.0.1:0"} for name in ("a", "b")]
        assert [proxy.name for proxy in python_client.populate(wanted)] == ["a", "b"]
        python_client.destroy_all()
        assert python_client.proxies() == {}


SESSION = """
const {Toxiproxy} = require("toxiproxy-node-client");
const assert = require("node:assert");
const net = require("node:net");
const [url, upstream] = process.argv.slice(1);

const call = (port) => new Promise((resolve, reject) => {
  const started = process.hrtime.bigint();
  let got = "";
  const socket = net.connect(port, "127.0.0.1", () => socket.write("0123456789"));
  socket.setTimeout(10000, () => socket.destroy(new Error("no answer")));
  socket.on("data", (data) => { got += data; if (got.length >= 10) socket.end(); });
  socket.on("close", () => resolve({got, ms: Number(process.hrtime.bigint() - started) / 1e6}));
  socket.on("error", reject);
});

(async () => {
  const toxiproxy = new Toxiproxy(url);
  assert.ok(JSON.parse(await toxiproxy.getVersion()).version);
  const proxy = await toxiproxy.createProxy({name: "it", listen: "127.0.0.1:0", upstream});
  const port = Number(proxy.listen.split(":").pop());
  assert.strictEqual((await call(port)).got, "0123456789");

  const attributes = {
    latency: {latency: 60, jitter: 0}, bandwidth: {rate: 100}, slow_close: {delay: 1}, timeout: {timeout: 1},
    reset_peer: {timeout: 1}, slicer: {average_size: 10, size_variation: 1, delay: 1}, limit_data: {bytes: 4},
  };
  for (const [type, wanted] of Object.entries(attributes)) {
    const toxic = await proxy.addToxic({name: type, type, stream: "upstream", toxicity: 0.5, attributes: wanted});
    assert.deepStrictEqual(toxic.attributes, wanted);
    assert.deepStrictEqual((await proxy.getToxic(type)).toJson(), toxic.toJson());
    await toxic.remove();
    await assert.rejects(proxy.getToxic(type), /404/);
  }

  const slow = await proxy.addToxic(
    {name: "slow", type: "latency", stream: "downstream", toxicity: 1, attributes: {latency: 60, jitter: 0}});
  const slowed = await call(port);
  assert.ok(slowed.ms >= 60, `took ${slowed.ms} ms`);
  const update = {...slow.toJson(), attributes: {latency: 1, jitter: 0}};
  assert.strictEqual((await slow.update(update)).attributes.latency, 1);
  await proxy.addToxic({name: "cut", type: "limit_data", stream: "downstream", toxicity: 1, attributes: {bytes: 4}});
  assert.strictEqual((await call(port)).got, "0123");

  await assert.rejects(toxiproxy.createProxy({name: "it", listen: "127.0.0.1:0", upstream}), /409/);
  await assert.rejects(proxy.addToxic({name: "x", type: "gremlins", stream: "upstream", toxicity: 1, attributes: {}}), /400/);
  const disabled = await proxy.update({enabled: false, listen: proxy.listen, upstream});
  assert.strictEqual(disabled.enabled, false);
  await assert.rejects(call(port), /ECONNREFUSED/);
  await toxiproxy.reset();
  assert.strictEqual((await call(port)).got, "0123456789");

  const populated = await toxiproxy.populate([{name: "more", listen: "127.0.0.1:0", upstream}]);
  assert.deepStrictEqual(Object.keys(populated), ["more"]);
  assert.deepStrictEqual(Object.keys(await toxiproxy.getAll()).sort(), ["it", "more"]);
  await (await toxiproxy.get("more")).remove();
  await proxy.remove();
  assert.deepStrictEqual(await toxiproxy.getAll(), {});
  console.log("every step passed");
})().catch((error) => { console.error(error); process.exit(1); });
"""


@pytest.fixture(scope="module")
def node_client() -> Path:
    """The folder in which Node finds the client; the test is skipped, with the reason, where it cannot be installed."""
    if shutil.which("node") is None:
        pytest.skip("no node")
    try:
        done = subprocess.run(
            [REPOSITORY / "scripts" / "node-client"], capture_output=True, text=True, timeout=60, check=False
        )
    except subprocess.TimeoutExpired:
        pytest.skip("toxiproxy-node-client could not be installed within a minute")
    if done.returncode:
        pytest.skip(f"toxiproxy-node-client could not be installed: {done.stderr.strip()[-200:]}")
    return REPOSITORY / ".tools" / "node"


class TestNode:
    def test_a_session(self, node_client: Path, server: Server, upstream: Upstream) -> None:
        """Everything the client can do, with traffic between; every toxic of its README."""
        upstream.echo_everybody()
        done = subprocess.run(
            ["node", "-e", SESSION, f"http://127.0.0.1:{server.port}", upstream.address],
            cwd=node_client,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.stdout, done.returncode) == ("every step passed\n", 0), done.stderr
