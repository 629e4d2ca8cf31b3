"""Credentials that are none, and requests that are meant to be read in two ways: refused, with no trace and no 5xx."""

from __future__ import annotations

import base64
import contextlib
import datetime
import gzip
import hmac
import http.client
import json
import ssl
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.integration.server import raw
from tests.support import ApiServer

NAMESPACES = "/api/v1/namespaces"


@pytest.fixture(name="namespace", scope="module")
def namespace_fixture(api_server: ApiServer) -> str:
    return api_server.namespace()


def bearer(api_server: ApiServer, token: str) -> Any:
    return api_server.request("GET", NAMESPACES, identity="", headers={"Authorization": f"Bearer {token}"})


def token_of(api_server: ApiServer, namespace: str, account: str, **spec: Any) -> str:
    path = f"{NAMESPACES}/{namespace}/serviceaccounts/{account}/token"
    answer = api_server.request("POST", path, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec})
    assert answer.code == 201, answer.body
    token: str = answer.body["status"]["token"]
    return token


# certificates


def with_certificate(api_server: ApiServer, certificate: Path, key: Path) -> int:
    """The code of a request by a client certificate; 0 where the handshake refuses it."""
    context = raw.context(api_server, certificate, key)
    connection = http.client.HTTPSConnection(api_server.config.host, api_server.config.port, context=context, timeout=10)
    try:
        connection.request("GET", NAMESPACES)
        return connection.getresponse().status
    except (ssl.SSLError, ConnectionError, http.client.BadStatusLine):
        return 0
    finally:
        connection.close()


def certificate_by_the_authority(
    api_server: ApiServer, folder: Path, days: tuple[int, int], *extensions: x509.ExtensionType
) -> tuple[Path, Path]:
    """A client certificate of an administrator by the cluster's own CA, valid from and until so many days from now."""
    home = api_server.config.home
    authority = x509.load_pem_x509_certificate(home.certificate("ca").read_bytes())
    signer = serialization.load_pem_private_key(home.key("ca").read_bytes(), None)
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.NameAttribute(NameOID.COMMON_NAME, "eve"), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:masters")]
    builder = x509.CertificateBuilder().subject_name(x509.Name(names)).issuer_name(authority.subject).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now + datetime.timedelta(days[0])).not_valid_after(now + datetime.timedelta(days[1]))
    for extension in (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), *extensions):
        builder = builder.add_extension(extension, critical=False)
    certificate = builder.sign(signer, hashes.SHA256())  # type: ignore[arg-type]
    (folder / "c.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    (folder / "c.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return folder / "c.crt", folder / "c.key"


def test_a_certificate_within_its_time_is_accepted(api_server: ApiServer, tmp_path: Path) -> None:
    assert with_certificate(api_server, *certificate_by_the_authority(api_server, tmp_path, (-1, 1))) == 200


@pytest.mark.parametrize("name", [b"", b"example.com.", b"not-an-email", b"_bad-.*.com", b"a b"])
@pytest.mark.parametrize("kind", [0x81, 0x82], ids=["mail", "host"])
def test_alternative_names_that_are_none_do_not_matter(api_server: ApiServer, tmp_path: Path, kind: int, name: bytes) -> None:
    """A client is known by its subject, whatever else its certificate says."""
    names = bytes([0x30, len(name) + 2, kind, len(name)]) + name
    sloppy = x509.UnrecognizedExtension(x509.ExtensionOID.SUBJECT_ALTERNATIVE_NAME, names)
    assert with_certificate(api_server, *certificate_by_the_authority(api_server, tmp_path, (-1, 1), sloppy)) == 200


@pytest.mark.parametrize("days", [(-2, -1), (1, 2)], ids=["expired", "not yet valid"])
def test_a_certificate_out_of_its_time_is_refused(api_server: ApiServer, tmp_path: Path, days: tuple[int, int]) -> None:
    assert with_certificate(api_server, *certificate_by_the_authority(api_server, tmp_path, days)) in (0, 401)


def test_a_serving_certificate_is_no_client_certificate(api_server: ApiServer) -> None:
    home = api_server.config.home
    assert with_certificate(api_server, home.certificate("apiserver"), home.key("apiserver")) in (0, 401)


# tokens


def encoded(part: Any) -> str:
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forged(api_server: ApiServer, namespace: str, how: str) -> str:
    good = token_of(api_server, namespace, "default")
    claims = jwt.decode(good, options={"verify_signature": False})
    header = jwt.get_unverified_header(good)
    if how == "none":
        return f"{encoded({**header, 'alg': 'none'})}.{encoded(claims)}."
    if how == "HS256":  # the public key, which everyone may know, as the secret
        text = f"{encoded({**header, 'alg': 'HS256'})}.{encoded(claims)}"
        public = (api_server.config.home.pki / "sa.pub").read_bytes()
        return f"{text}.{encoded(hmac.digest(public, text.encode(), 'sha256'))}"
    if how == "another key":
        private = ec.generate_private_key(ec.SECP256R1())
        return jwt.encode(claims, private, algorithm="ES256", headers={"kid": header["kid"]})
    head, body, signature = good.split(".")
    if how == "changed claims":
        return f"{head}.{encoded({**claims, 'sub': 'system:serviceaccount:kube-system:default'})}.{signature}"
    if how == "truncated":
        return f"{head}.{body}.{signature[:-8]}"
    if how == "oversized":
        return f"{head}.{body}.{signature * 200}"
    return f"{head}.{body}.{signature[:-8]}AAAAAAAA"


FORGERIES = ["none", "HS256", "another key", "changed claims", "changed signature", "truncated", "oversized"]


@pytest.mark.parametrize("how", FORGERIES)
def test_a_forged_service_account_token_is_unauthorized(api_server: ApiServer, namespace: str, how: str) -> None:
    assert bearer(api_server, forged(api_server, namespace, how)).code in ((400, 401, 431) if how == "oversized" else (401,))


def test_a_token_for_another_audience_is_unauthorized(api_server: ApiServer, namespace: str) -> None:
    assert bearer(api_server, token_of(api_server, namespace, "default")).code == 403, "a good one is known, and may not do this"
    assert bearer(api_server, token_of(api_server, namespace, "default", audiences=["elsewhere"])).code == 401


def test_the_token_of_a_deleted_account_is_unauthorized(api_server: ApiServer, namespace: str) -> None:
    path = f"{NAMESPACES}/{namespace}/serviceaccounts"
    api_server.request("POST", path, {"metadata": {"name": "gone"}})
    token = token_of(api_server, namespace, "gone")
    assert bearer(api_server, token).code == 403
    api_server.request("DELETE", f"{path}/gone")
    assert bearer(api_server, token).code == 401
    api_server.request("POST", path, {"metadata": {"name": "gone"}})
    assert bearer(api_server, token).code == 401, "another account of the same name"


def test_a_scheme_without_a_token_is_anonymous(api_server: ApiServer) -> None:
    for value in ("Bearer ", "Bearer", "Basic YTpi", ""):
        assert api_server.request("GET", NAMESPACES, identity="", headers={"Authorization": value}).code == 403, value


# requests that could be read in two ways


def get(path: str, *headers: str) -> bytes:
    return "".join(f"{line}\r\n" for line in (f"GET {path} HTTP/1.1", "Host: x", "Connection: close", *headers, "")).encode("latin-1")


def test_two_authorization_headers_are_no_credentials(api_server: ApiServer, namespace: str) -> None:
    good = token_of(api_server, namespace, "default")
    request = get("/apis", f"Authorization: Bearer {good}", "Authorization: Bearer nonsense")
    assert raw.ask(api_server, request, identity="")[0] in (400, 401)


def test_a_header_with_an_underscore_does_not_impersonate(api_server: ApiServer) -> None:
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    for name in ("Impersonate_User", "Impersonate_User ", "impersonate_user"):
        body = b'{"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1"}'
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
        request = f"{head}{name}: eve\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
        code, answer = raw.ask(api_server, request)
        assert code in (201, 400)
        assert code == 400 or answer["status"]["userInfo"]["username"] != "eve", name


SMUGGLED = [
    "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    "Content-Length: 5\r\nContent-Length: 6\r\n",
    "Content-Length: +5\r\n",
    "Content-Length: -1\r\n",
    "Content-Length: 0x5\r\n",
    "Content-Length: 9999999999999999999999999\r\n",
    "Transfer-Encoding: chunked, identity\r\n",
    "Transfer-Encoding: \x0bchunked\r\n",
    "Transfer-Encoding: xchunked\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "X-A: b\r\n folded: c\r\n",
    "Bad Name: x\r\n",
    "X-A: a\x00b\r\n",
    "No colon\r\n",
]


@pytest.mark.parametrize("headers", SMUGGLED)
def test_headers_that_can_be_read_in_two_ways_are_refused(api_server: ApiServer, namespace: str, headers: str) -> None:
    head = f"POST {NAMESPACES}/{namespace}/configmaps?timeout=2s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    request = f"{head}Content-Type: application/json\r\n{headers}\r\n0\r\n\r\nGET /api HTTP/1.1\r\n\r\n"
    code, body = raw.ask(api_server, request.encode("latin-1"))
    assert code == 0 or 400 <= code < 500 or code == 501, (code, body)
    assert "Traceback" not in str(body)


PATHS = [
    "//api/v1/namespaces",
    "/api/../api/v1/namespaces",
    "/api/%2e%2e/api/v1/namespaces",
    "/healthz/../api/v1/secrets",
    "/api/v1/namespaces/default%2Fpods",
    "/api/v1/namespaces/default/pods/a%2Fexec",
    "/api/v1/namespaces/default/pods/..",
    "/api/v1/namespaces/default/pods/%00",
    "/api/v1/namespaces/default/pods/%ff%fe",
    "/api/v1/namespaces/default/configmaps/" + "a" * 5000,
    "/api/v1/namespaces?labelSelector=" + "a" * 9000,
    "/api/v1/namespaces?labelSelector=%00",
    "/api/v1/namespaces?fieldSelector=metadata.name%3D%ff",
    "/api/v1/namespaces?limit=99999999999999999999",
    "/api/v1/namespaces?resourceVersion=99999999999999999999",
    "http://elsewhere/api/v1/nonsense",
    "*",
]


@pytest.mark.parametrize("path", PATHS, ids=[path[:60] for path in PATHS])
@pytest.mark.parametrize("identity", ["admin", ""])
def test_odd_paths_find_nothing_that_is_not_theirs(api_server: ApiServer, path: str, identity: str) -> None:
    code, body = raw.ask(api_server, get(path), identity=identity)
    assert code == 0 or code < 500, (code, body)
    assert "Traceback" not in str(body)
    if not identity:
        assert code != 200, body


@pytest.mark.parametrize("size", [20_000, 200_000])
def test_an_enormous_header_is_refused(api_server: ApiServer, size: int) -> None:
    assert raw.ask(api_server, get("/api", "X-A: " + "a" * size))[0] in (0, 400, 431)


# bodies


def post(api_server: ApiServer, namespace: str, body: bytes, *headers: str) -> tuple[int, Any]:
    lines = [f"POST {NAMESPACES}/{namespace}/configmaps HTTP/1.1", "Host: x", "Connection: close", "Content-Type: application/json"]
    return raw.ask(api_server, "".join(f"{line}\r\n" for line in (*lines, *headers, "")).encode() + body)


def test_the_limit_holds_for_a_body_of_unknown_length(api_server: ApiServer, namespace: str) -> None:
    chunk = b'{"metadata":{"name":"a"},"data":{"x":"' + b"y" * (3 << 20) + b'"}}'
    body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(chunk), chunk)
    code, answer = post(api_server, namespace, body, "Transfer-Encoding: chunked")
    assert (code, answer["reason"]) == (413, "RequestEntityTooLarge")


def test_a_body_in_chunks_is_read(api_server: ApiServer, namespace: str) -> None:
    body = b'{"metadata":{"name":"chunked"}}'
    parts = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    assert post(api_server, namespace, parts, "Transfer-Encoding: chunked")[0] == 201


@pytest.mark.parametrize("chunk", [b"zz\r\n{}\r\n0\r\n\r\n", b"-1\r\n{}\r\n", b"fffffffffffffffffff\r\n{}", b"5\r\n{}"])
def test_broken_chunks_are_refused(api_server: ApiServer, namespace: str, chunk: bytes) -> None:
    lines = [f"POST {NAMESPACES}/{namespace}/configmaps?timeout=1s HTTP/1.1", "Host: x", "Connection: close"]
    head = "".join(f"{line}\r\n" for line in (*lines, "Content-Type: application/json", "Transfer-Encoding: chunked", ""))
    code, body = raw.ask(api_server, head.encode() + chunk)
    assert code in (0, 400, 504), (code, body)
    assert "Traceback" not in str(body)


def test_a_body_that_is_cut_short_is_refused(api_server: ApiServer, namespace: str) -> None:
    with raw.connection(api_server) as sock:
        head = f"POST {NAMESPACES}/{namespace}/configmaps HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
        sock.sendall(head.encode() + b'{"metadata":{"name":"cut"}}')
        with contextlib.suppress(ssl.SSLError):  # the refusal may be there already
            sock.unwrap()
    assert api_server.request("GET", f"{NAMESPACES}/{namespace}/configmaps/cut").code == 404


def test_a_compressed_body_is_refused(api_server: ApiServer, namespace: str) -> None:
    body = gzip.compress(b'{"metadata":{"name":"zipped"}}')
    code, answer = post(api_server, namespace, body, f"Content-Length: {len(body)}", "Content-Encoding: gzip")
    assert (code, answer["kind"]) == (400, "Status")


def test_a_client_that_says_nothing_is_not_waited_for_by_others(api_server: ApiServer) -> None:
    with raw.connection(api_server) as sock:
        sock.sendall(b"GET /api HTTP/1.1\r\nHost: x\r\n")
        began = time.monotonic()
        assert api_server.request("GET", "/api").code == 200
        assert time.monotonic() - began < 5
