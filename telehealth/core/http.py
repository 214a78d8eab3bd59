"""The frame around every HTTP answer: language, security headers, origin check, nothing oversized. Pure ASGI."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from telehealth.core.i18n import DEFAULT, LANGUAGES, gettext, language
from telehealth.core.settings import Settings

SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")
LANGUAGE_COOKIE = "language"
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self' {sockets}; media-src 'self' blob: mediastream:; worker-src 'self' blob:; manifest-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(self), microphone=(self), display-capture=(self), geolocation=(), payment=(), usb=()",
}


class Frame:
    """Outermost middleware. Refuses state changes that another site asks for with our cookie (CSRF)."""

    def __init__(self, app: ASGIApp, config: Settings) -> None:
        self.app = app
        self.secure = config.secure
        self.hosts = _own_hosts(config)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        token = language.set(_language(headers))
        try:
            if not self._is_our_host(headers):
                refusal = _refusal(421, "misdirected", "This service does not answer under that name")
                return await refusal(scope, receive, self._framed(scope, headers, send))
            if not _is_same_origin(scope["method"], headers):
                refusal = _refusal(403, "cross-site", "Another site may not act in your name")
                return await refusal(scope, receive, self._framed(scope, headers, send))
            await self.app(scope, receive, self._framed(scope, headers, send))
        finally:
            language.reset(token)

    def _is_our_host(self, headers: Headers) -> bool:
        """Against DNS rebinding: names must be ours; bare addresses are fine, they cannot be rebound."""
        name = (urlsplit(f"//{headers.get('host', '')}").hostname or "").rstrip(".")
        return name in self.hosts or _is_address(name)

    def _framed(self, scope: Scope, headers: Headers, send: Send) -> Send:
        host = headers.get("host", "")

        async def framed(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    answer.setdefault(name, value)
                answer.setdefault("Content-Security-Policy", POLICY.format(sockets=f"{'wss' if self.secure else 'ws'}://{host}"))
                if self.secure:
                    answer.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
                if scope["path"].startswith("/static/build/assets/"):
                    answer["Cache-Control"] = "public, max-age=31536000, immutable"
                elif scope["path"].startswith("/api/"):
                    answer.setdefault("Cache-Control", "no-store")
            await send(message)

        return framed


def _own_hosts(config: Settings) -> set[str]:
    public = urlsplit(config.address).hostname or ""
    return {public, "localhost", "testserver"} - {""} if not config.secure else {public, "localhost"}


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _language(headers: Headers) -> str:
    """The cookie of the language switch, else Vietnamese: browsers here are often set to English by their makers."""
    chosen = cookie_parser(headers.get("cookie", "")).get(LANGUAGE_COOKIE, DEFAULT)
    return chosen if chosen in LANGUAGES else DEFAULT


def _is_same_origin(method: str, headers: Headers) -> bool:
    """Browsers tell who asks (Sec-Fetch-Site, Origin); programs send neither, nor somebody else's cookie."""
    if method in SAFE or "authorization" in headers:
        return True
    if (site := headers.get("sec-fetch-site")) is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


def _refusal(status: int, code: str, title: str) -> JSONResponse:
    body = {"type": f"/problems/{code}", "title": gettext(title), "status": status, "detail": ""}
    return JSONResponse(body, status, media_type="application/problem+json")
