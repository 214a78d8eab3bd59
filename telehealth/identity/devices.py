"""Where a request comes from, in words that the owner of an account recognises."""

from fastapi import Request

BROWSERS = (("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


def label_of(request: Request) -> str:
    """Browser and system: `Chrome · Android`; a program by the first word it says of itself."""
    agent = request.headers.get("user-agent", "")
    found = [next((name for mark, name in known if mark in agent), "") for known in (BROWSERS, SYSTEMS)]
    return " · ".join(filter(None, found)) or agent.partition("/")[0][:40]


def address_of(request: Request) -> str:
    """The caller's network address; forwarded headers count only as far as the server trusts its proxies."""
    return request.client.host if request.client else ""
