"""Files of others: fetched within bounds, and never from our own network."""

import asyncio
import ssl
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from shipments.enums import FetchTrouble
from shipments.outbound.net import CheckedTransport, Fetched, Unfetched, fetch
from tests.file_server import Answer, FileServer, a_file_server

SECRET = "sig=s3cr3t"
OUTSIDE = "93.184.215.14"


@pytest.fixture
def files() -> Iterator[FileServer]:
    with a_file_server() as running:
        yield running


def get(address: str, **over: Any) -> Fetched:
    how: dict[str, Any] = {"accept": "image/*", "most_bytes": 1000, "private_allowed": True, **over}
    return asyncio.run(fetch(address, **how))


def trouble_with(address: str, **over: Any) -> tuple[FetchTrouble, str]:
    with pytest.raises(Unfetched) as failed:
        get(address, **over)
    # Neither the words nor what they came from hold the address.
    assert SECRET not in repr(failed.value) + str(failed.value.__cause__)
    return failed.value.trouble, failed.value.detail


class Names:
    """A name service with one answer after the other, the last one for ever."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def through(handler: Any, names: Names, *, private_allowed: bool = False) -> CheckedTransport:
    return CheckedTransport(
        private_allowed=private_allowed, resolve=names, inner=httpx.MockTransport(handler)
    )


def test_a_file_is_read_to_its_end_and_its_host_says_what_it_is(files: FileServer) -> None:
    address = files.serve("/a", Answer(b"picture", headers={"Content-Type": "Image/PNG; x=1"}, drip=2))
    assert get(address) == Fetched(b"picture", "image/png")


def test_a_redirect_is_followed(files: FileServer) -> None:
    files.serve("/b", Answer(b"picture"))
    address = files.serve("/a", Answer(status=302, headers={"Location": "/b"}))
    assert get(address).data == b"picture"


def test_redirects_in_a_circle_end(files: FileServer) -> None:
    address = files.serve("/a", Answer(status=302, headers={"Location": "/a"}))
    assert trouble_with(address)[0] == FetchTrouble.TOO_MANY_REDIRECTS
    assert files.asked["/a"] == 5


@pytest.mark.parametrize("status", [204, 206, 304, 401, 403, 404, 410, 429, 500, 503])
def test_any_answer_but_the_file_is_a_refusal(files: FileServer, status: int) -> None:
    address = files.serve("/a", Answer(status=status, headers={"Content-Length": "0"}))
    assert trouble_with(f"{address}?{SECRET}") == (FetchTrouble.REFUSED, f"HTTP {status}")


def test_a_large_file_is_left_when_it_is_too_large(files: FileServer) -> None:
    address = files.serve("/a", Answer(bytes(50_000_000)))
    assert trouble_with(address, most_bytes=100_000)[0] == FetchTrouble.TOO_LARGE


def test_a_file_without_an_end_is_left_when_it_is_too_large(files: FileServer) -> None:
    address = files.serve("/a", Answer(bytes(1000), endless=True))
    assert trouble_with(address, most_bytes=100_000)[0] == FetchTrouble.TOO_LARGE


def test_a_file_that_trickles_is_left_in_time(files: FileServer) -> None:
    address = files.serve("/a", Answer(b"." * 1000, drip=1, pause=0.05))
    assert trouble_with(address, within=timedelta(seconds=0.4))[0] == FetchTrouble.TOO_SLOW


def test_a_file_that_ends_too_early_is_no_file(files: FileServer) -> None:
    address = files.serve("/a", Answer(b"pict", headers={"Content-Length": "900"}))
    assert trouble_with(address, within=timedelta(seconds=3))[0] in {
        FetchTrouble.UNREACHABLE,
        FetchTrouble.TOO_SLOW,
    }


def test_packed_files_are_left_packed(files: FileServer) -> None:
    address = files.serve("/a", Answer(b"x", headers={"Content-Encoding": "gzip"}))
    assert trouble_with(address)[0] == FetchTrouble.NO_PICTURE


def test_nobody_at_home_is_no_address_in_the_log(files: FileServer) -> None:
    gone = files.url
    files.serve("/a", Answer(status=302, headers={"Location": f"http://127.0.0.1:1/?{SECRET}"}))
    assert trouble_with(f"{gone}/a?{SECRET}") == (FetchTrouble.UNREACHABLE, "ConnectError")


@pytest.mark.parametrize(
    "address",
    [
        "ftp://example.com/a",
        "file:///etc/passwd",
        "//example.com/a",
        "example.com/a",
        "https://",
        "https://user:word@example.com/a",
        "https://0177.0.0.1/a",
        "https://[::1/",
        "",
    ],
)
def test_what_is_no_address_of_the_web_is_not_asked(address: str) -> None:
    assert trouble_with(address)[0] == FetchTrouble.BAD_ADDRESS


def test_nothing_is_fetched_in_the_clear() -> None:
    assert trouble_with("http://example.com/a", private_allowed=False)[0] == FetchTrouble.BAD_ADDRESS


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "10.0.0.1",
        "0.0.0.0",
        "localhost",
    ],
)
def test_hosts_of_our_own_are_not_asked_however_they_are_spelled(host: str) -> None:
    assert trouble_with(f"https://{host}/a", private_allowed=False)[0] == FetchTrouble.PRIVATE_HOST


@pytest.mark.parametrize(
    "target",
    ["https://127.0.0.1/", "https://169.254.169.254/latest/", "https://[::1]/", "https://2130706433/"],
)
def test_a_redirect_does_not_lead_into_our_network(target: str) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.host)
        return httpx.Response(302, headers={"Location": target})

    async def resolve(host: str, port: int) -> Sequence[str]:
        if host == "proof.example":
            return [OUTSIDE]
        return [{"2130706433": "127.0.0.1"}.get(host, host)]

    transport = CheckedTransport(private_allowed=False, resolve=resolve, inner=httpx.MockTransport(answer))
    found = trouble_with("https://proof.example/a", private_allowed=False, transport=transport)
    assert (found[0], asked) == (FetchTrouble.PRIVATE_HOST, [OUTSIDE])


def test_a_redirect_does_not_lead_out_of_encryption() -> None:
    names = Names([OUTSIDE])
    transport = through(lambda r: httpx.Response(302, headers={"Location": "http://proof.example/a"}), names)
    found = trouble_with("https://proof.example/a", private_allowed=False, transport=transport)
    assert found[0] == FetchTrouble.BAD_ADDRESS


def test_a_name_is_asked_for_once_and_what_was_checked_is_connected_to() -> None:
    names = Names([OUTSIDE], ["127.0.0.1"])
    seen: list[tuple[str, str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((request.url.host, request.headers["Host"], request.extensions["sni_hostname"]))
        return httpx.Response(200, stream=httpx.ByteStream(b"picture"))

    get("https://proof.example:8443/a", private_allowed=False, transport=through(answer, names))
    assert names.asked == [("proof.example", 8443)]
    assert seen == [(OUTSIDE, "proof.example:8443", "proof.example")]


def test_a_name_with_one_private_address_among_others_is_not_asked() -> None:
    transport = through(lambda r: httpx.Response(200), Names([OUTSIDE, "10.0.0.7"]))
    found = trouble_with("https://proof.example/a", private_allowed=False, transport=transport)
    assert found[0] == FetchTrouble.PRIVATE_HOST


def test_the_next_address_of_a_name_is_tried_when_one_does_not_answer() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == OUTSIDE:
            raise httpx.ConnectError("nobody")
        return httpx.Response(200, stream=httpx.ByteStream(b"picture"))

    transport = through(answer, Names([OUTSIDE, "93.184.215.15"]))
    assert get("https://proof.example/a", private_allowed=False, transport=transport).data == b"picture"


def test_a_name_nobody_knows_is_out_of_reach() -> None:
    assert trouble_with("https://nobody.invalid/a")[0] == FetchTrouble.UNREACHABLE


def a_certificate(folder: Path, name: str) -> Path:
    """A host's own certificate with its key, good for this name alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.mark.parametrize(("name", "is_trusted"), [("proof.example", True), ("other.example", False)])
def test_a_host_reached_by_its_address_must_still_be_who_it_is_called(
    tmp_path: Path, name: str, is_trusted: bool
) -> None:
    pem = a_certificate(tmp_path, "proof.example")
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(pem)
    trust = ssl.create_default_context(cafile=str(pem))
    with a_file_server(served) as files:
        files.serve("/a", Answer(b"picture"))
        port = files.url.rpartition(":")[2]
        transport = CheckedTransport(
            private_allowed=True,
            resolve=Names(["127.0.0.1"]),
            inner=httpx.AsyncHTTPTransport(verify=trust, trust_env=False),
        )
        address = f"https://{name}:{port}/a"
        if is_trusted:
            assert get(address, transport=transport).data == b"picture"
            assert files.hosts == [f"{name}:{port}"]
        else:
            assert trouble_with(address, transport=transport) == (FetchTrouble.UNREACHABLE, "ConnectError")
