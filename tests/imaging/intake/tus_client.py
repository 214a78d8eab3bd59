"""A client that knows tus 1.0.0 and nothing of ours, as stock clients do; and one that asks first, as ours do."""

from base64 import b64encode
from hashlib import sha256

import httpx2

BYTES = "application/offset+octet-stream"
TUS = {"Tus-Resumable": "1.0.0"}


def metadata(**told: str) -> str:
    return ",".join(f"{key} {b64encode(value.encode()).decode()}" for key, value in told.items())


async def create(client: httpx2.AsyncClient, length: int, endpoint: str = "/api/v1/tus", **told: str) -> str:
    """The address of a new file."""
    headers = {**TUS, "Upload-Length": str(length), "Upload-Metadata": metadata(**told)}
    answer = await client.post(endpoint, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"]


async def patch(client: httpx2.AsyncClient, url: str, offset: int, content: bytes, **more: str) -> httpx2.Response:
    headers = {**TUS, "Upload-Offset": str(offset), "Content-Type": BYTES, **more}
    return await client.patch(url, headers=headers, content=content)


async def offset_of(client: httpx2.AsyncClient, url: str) -> int:
    answer = await client.head(url, headers=TUS)
    assert answer.status_code == 200, answer.status_code
    return int(answer.headers["Upload-Offset"])


async def begin(client: httpx2.AsyncClient) -> str:
    """The address of a new upload in one's own unit."""
    begun = await client.post("/api/v1/uploads", json={})
    assert begun.status_code == 201, begun.text
    return f"/api/v1/uploads/{begun.json()['id']}"


def announced(name: str, content: bytes, **facts: object) -> dict[str, object]:
    return {"name": name, "sha256": sha256(content).hexdigest(), "size": len(content), **facts}


async def ask(client: httpx2.AsyncClient, upload: str, files: list[dict[str, object]]) -> dict:
    answer = await client.post(f"{upload}/manifest", json={"files": files})
    assert answer.status_code == 200, answer.text
    return answer.json()
