"""Requests that break the rules of HTTP or of multipart, byte by byte as they leave."""

import gzip

from tests.imaging.hostile.conftest import BOUNDARY, message
from tests.imaging.hostile.files import file_of, named

TYPE = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
PART = f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
END = f"\r\n--{BOUNDARY}--\r\n".encode()


def request(
    secret: str,
    body: bytes,
    *lines: str,
    path: str = "/dicomweb/studies",
    method: str = "POST",
    kind: str = TYPE,
    length: str = "",
) -> bytes:
    head = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {secret}", f"Content-Type: {kind}", *lines]
    if not any(line.lower().startswith("transfer-encoding") for line in lines) or length:
        head.append(f"Content-Length: {length or len(body)}")
    return ("\r\n".join(head) + "\r\n\r\n").encode("latin-1") + body


def broken(secret: str) -> dict[str, bytes]:
    """Name -> everything that the other side sends before it waits for an answer."""
    good = file_of(named(20_000))
    bodies = {
        "nothing": b"",
        "only the end": END[2:],
        "no end": PART + good,
        "half an end": PART + good + END[:6],
        "another boundary": message(good).replace(BOUNDARY.encode(), b"other"),
        "a preamble of a megabyte": b"x" * 1024**2 + b"\r\n" + message(good),
        "bare line feeds": message(good).replace(b"\r\n", b"\n"),
        "a header without end": f"--{BOUNDARY}\r\n".encode() + b"X: " + b"y" * 100_000,
        "thousands of headers": f"--{BOUNDARY}\r\n".encode() + b"X: y\r\n" * 30_000 + b"\r\n" + good + END,
        "a header of nonsense": f"--{BOUNDARY}\r\n".encode() + b"\xff\0: \x01\r\n\r\n" + good + END,
        "no header": f"--{BOUNDARY}\r\n\r\n".encode() + good + END,
        "a page as a part": message(good).replace(b"application/dicom", b"text/html"),
        "a part in a part": PART + message(good) + END,
        "empty parts": PART + (b"\r\n" + PART) * 500 + END,
        "more parts than allowed": f"--{BOUNDARY}\r\n\r\n\r\n".encode() * 20_500 + END,
        "a name that climbs": message(good).replace(b"\r\n\r\n", b"\r\nContent-Location: ../../../etc/passwd\r\n\r\n", 1),
        "the boundary inside pixels": PART + good[:-8] + f"\r\n--{BOUNDARY}\r\n".encode() + good[-8:] + END,
        "gzip that nobody announced": gzip.compress(message(good)),
    }
    cases = {name: request(secret, body) for name, body in bodies.items()}
    whole = message(good)
    chunked = b"".join(b"%x\r\n" % 7 + whole[at : at + 7].ljust(7) + b"\r\n" for at in range(0, len(whole), 7)) + b"0\r\n\r\n"
    cases |= {
        "no boundary named": request(secret, whole, kind='multipart/related; type="application/dicom"'),
        "an empty boundary": request(secret, whole, kind='multipart/related; boundary=""'),
        "a boundary of 300": request(secret, whole, kind=f"multipart/related; boundary={'b' * 300}"),
        "a boundary of spaces": request(secret, whole, kind='multipart/related; boundary="   "'),
        "another kind of multipart": request(secret, whole, kind=f"multipart/form-data; boundary={BOUNDARY}"),
        "XML metadata": request(secret, whole, kind=f'multipart/related; type="application/dicom+xml"; boundary={BOUNDARY}'),
        "a bare file": request(secret, good, kind="application/dicom"),
        "no kind": request(secret, whole, kind=""),
        "a kind of quotes": request(secret, whole, kind='multipart/related; boundary="' + '\\"' * 50),
        "JSON": request(secret, b"{}", kind="application/json"),
        "a study that is no UID": request(secret, whole, path="/dicomweb/studies/..%2f..%2fetc"),
        "a study of 500 digits": request(secret, whole, path="/dicomweb/studies/" + "1." * 250),
        "another study": request(secret, whole, path="/dicomweb/studies/1.2.3.99"),
        "an address of 60 kB": request(secret, whole, path="/dicomweb/studies?" + "x" * 60_000),
        "another method": request(secret, whole, method="PUT"),
        "an unknown method": request(secret, whole, method="STOW"),
        "deflate announced": request(secret, gzip.compress(whole), "Content-Encoding: gzip"),
        "in chunks of seven": request(secret, chunked, "Transfer-Encoding: chunked"),
        "chunks without end": request(secret, b"ffffffffffff\r\n" + whole, "Transfer-Encoding: chunked"),
        "chunks of nonsense": request(secret, b"zz\r\n" + whole, "Transfer-Encoding: chunked"),
        "chunks and a length": request(secret, chunked, "Transfer-Encoding: chunked", length="5"),
        "two lengths": request(secret, whole, "Content-Length: 5"),
        "a negative length": request(secret, whole, length="-5"),
        "a length of nonsense": request(secret, whole, length="many"),
        "a length beyond everything": request(secret, b"x", length="99999999999999999999"),
        "less than announced": request(secret, whole, length=str(len(whole) + 1000)),
        "more than announced": request(secret, whole, length=str(len(whole) - 1000)),
        "a header with a NUL": request(secret, whole, "X-A: a\0b"),
        "a header with a new line": request(secret, whole, "X-A: a\n b"),
        "a header of 200 kB": request(secret, whole, "X-A: " + "a" * 200_000),
        "no HTTP": b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + bytes(200),
        "HTTP of another century": b"POST /dicomweb/studies\r\n\r\n",
        "nobody": request("nobody", whole),
        "a secret of 50 kB": request("s" * 50_000, whole),
        "waits to be asked": request(secret, whole, "Expect: 100-continue"),
    }
    return cases
