"""Request ids and stamps survive the places they travel through."""

import json

from hypothesis import given
from hypothesis import strategies as st

from gatebench.stamp import KINDS, RequestId, Stamp, find_request_id, find_stamp, find_stamps, fingerprint


@given(
    arrival=st.integers(0, 2**32 - 2), ordinal=st.integers(0, 99), kind=st.integers(0, len(KINDS) - 1), junk=st.text()
)
def test_a_request_id_is_found_again(arrival: int, ordinal: int, kind: int, junk: str) -> None:
    """In a header or in a body, whatever stands around it."""
    made = RequestId("0123abcd", arrival, ordinal, kind)
    assert find_request_id(str(made).encode()) == made
    body = json.dumps({"user": f"{made}", "content": junk}).encode()
    assert find_request_id(body) == made


def test_what_is_no_request_id_is_none() -> None:
    """A foreign id, a longer word, nothing."""
    assert find_request_id(b"3f2a-foreign") is None
    assert find_request_id(b"gb-0123abcd-5-0-lx") is None
    assert find_request_id(b"") is None


@given(
    attempt=st.integers(0, 2**32 - 1),
    made_ns=st.integers(0, 2**62),
    print_=st.integers(0, 2**64 - 1),
    service=st.none() | st.integers(0, 10**12),
    tenant=st.sampled_from(["", "tenant-0", "a.b_c-9"]),
)
def test_a_stamp_is_found_again(attempt: int, made_ns: int, print_: int, service: int | None, tenant: str) -> None:
    """Through JSON, in an id and in content."""
    stamp = Stamp("provider-a", attempt, made_ns, print_, tenant, service)
    body = json.dumps({"id": f"chatcmpl-{stamp}", "choices": [{"message": {"content": f"w1 w2 [{stamp}]"}}]}).encode()
    assert find_stamps(body) == [stamp, stamp]


def test_the_last_complete_stamp_of_a_stream_counts() -> None:
    """The first event does not know the service time yet; the last one does."""
    early, late = Stamp("a", 1, 5, 7, "t", None), Stamp("a", 1, 5, 7, "t", 99)
    assert find_stamp(f"{early} {late} {early}".encode()) == late
    assert find_stamp(f"{early}".encode()) == early
    assert find_stamp(b"no stamp here") is None


def test_fingerprints_tell_prompts_apart() -> None:
    """Equal texts agree, different ones differ, and 64 bits hold them."""
    assert fingerprint("a") == fingerprint("a") != fingerprint("b")
    assert 0 <= fingerprint("ü") < 2**64
