"""Everything that differs between two deployments, in one frozen class.

The defaults run on one machine with nothing installed. `docker/.env.example` explains every value.
"""

from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import gettempdir

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

LONGEST_SOCKET_PATH = 100
"""A unix socket's path must fit 108 bytes (sun_path), with room for a suffix."""


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Smtp(Part):
    """Where e-mail leaves. Without a host, e-mails stay queued and say so."""

    host: str = ""
    port: int = 587
    user: str = ""
    password: SecretStr = SecretStr("")
    starttls: bool = True
    sender: str = "telehealth@localhost"


class Sms(Part):
    """An HTTP gateway for text messages: POST {"to", "text"} with a bearer token."""

    url: str = ""
    token: SecretStr = SecretStr("")


class Turn(Part):
    """A TURN server with time-limited credentials (coturn `use-auth-secret`)."""

    urls: list[str] = []
    secret: SecretStr = SecretStr("")
    lifetime_s: int = Field(3600, ge=60, le=3600)
    only_for: list[str] = []
    """Ids of facilities whose calls go through the relay alone, so that no side learns the other's address; "*": all."""


class Janus(Part):
    """Janus servers for consultations of three and more, by their WebSocket API (an inner network only)."""

    urls: list[str] = []
    secret: SecretStr = SecretStr("")


class S3(Part):
    """An S3-compatible store, used when `storage` begins with s3://."""

    endpoint: str = ""
    region: str = "us-east-1"
    access_key: str = ""
    secret_key: SecretStr = SecretStr("")
    allow_http: bool = False


class Dimse(Part):
    """DICOM over its own protocol, for modalities and archives that do not speak DICOMweb."""

    port: int | None = None
    """0 for none; unless said 11112 in the demo and none elsewhere."""
    tls_port: int = 0
    """With client certificates; 0 for none."""
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_authority: Path | None = None
    """Who signs the certificates of the nodes."""
    ae_title: str = "TELEHEALTH"
    processes: int = Field(2, ge=1, le=32)
    associations: int = 64
    """At a time in one process."""
    per_peer: int = 16
    """At a time in one process from one address."""
    idle_s: float = 300


class Limits(Part):
    """Bounds on what one caller may ask of us."""

    instance_bytes: int = 2 * 1024**3
    upload_files: int = 20_000
    unpacked_bytes: int = 20 * 1024**3
    waiting_bytes: int = 100 * 1024**3
    """Announced by one unit and not here yet."""
    waiting_days: int = Field(14, ge=1, le=365)
    """How long a half-sent file is kept for whoever goes on with it."""
    form_bytes: int = 1024**2
    wrong_secrets: int = 10
    """Wrong passwords or codes for one account in fifteen minutes."""
    codes_per_phone: int = 5
    """One-time codes sent to one phone in fifteen minutes."""


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="TELEHEALTH_", env_nested_delimiter="__", frozen=True, extra="ignore")

    host: str = "127.0.0.1"
    port: int = Field(8000, validation_alias=AliasChoices("PORT", "TELEHEALTH_PORT"))
    public_url: str = ""
    """The address that people type. https:// switches on Secure cookies and HSTS."""
    trusted_proxies: list[str] = []
    """Addresses of our own reverse proxies; X-Forwarded-* from anybody else is ignored."""
    data: Path = Path("var")
    database: str = ""
    broker: str = ""
    storage: str = ""
    demo: bool = False
    zone: str = "Asia/Ho_Chi_Minh"
    province: str = "Bắc Ninh"
    master_key_file: Path | None = None
    ice_servers: list[str] = []
    """STUN addresses given to browsers; empty by default: no traffic leaves the province."""
    calls_directory: str = ""
    """Redis or Valkey that knows which process holds which call; needed as soon as two processes serve."""
    smtp: Smtp = Smtp()
    sms: Sms = Sms()
    turn: Turn = Turn()
    janus: Janus = Janus()
    s3: S3 = S3()
    dimse: Dimse = Dimse()
    limits: Limits = Limits()
    worker_concurrency: int = 2
    metrics: str = ""
    """host:port of an inner network on which `telehealth serve` answers Prometheus; empty: nowhere."""

    @property
    def address(self) -> str:
        """Where people reach us, without a trailing slash."""
        return self.public_url.rstrip("/") or f"http://{'localhost' if self.host == '127.0.0.1' else self.host}:{self.port}"

    @property
    def dimse_port(self) -> int:
        """Where DICOM nodes call without TLS; 0: nowhere."""
        if self.dimse.port is None:
            return 11112 if self.demo else 0
        return self.dimse.port

    @property
    def secure(self) -> bool:
        return self.address.startswith("https://")

    @property
    def database_url(self) -> str:
        """SQLAlchemy address with the async driver of its database."""
        if not self.database:
            return f"sqlite+aiosqlite:///{self.data.absolute()}/telehealth.db"
        for plain in ("postgresql://", "postgres://"):
            if self.database.startswith(plain):
                return "postgresql+psycopg://" + self.database.removeprefix(plain)
        if self.database.startswith("sqlite://"):
            return self.database.replace("sqlite://", "sqlite+aiosqlite://", 1)
        return self.database

    @property
    def valkey_socket(self) -> Path:
        """The embedded broker's socket."""
        return self._socket("valkey.sock")

    def _socket(self, name: str) -> Path:
        """In the data folder, or beside /tmp where that path is too long."""
        beside = self.data.absolute() / name
        if len(str(beside)) <= LONGEST_SOCKET_PATH:
            return beside
        return Path(gettempdir()) / f"telehealth-{sha256(str(beside).encode()).hexdigest()[:16]}.sock"

    @property
    def echo_socket(self) -> Path:
        """Where the line check's echo process listens."""
        return self._socket("echo.sock")

    @property
    def broker_url(self) -> str:
        return self.broker or f"redis+socket://{self.valkey_socket}"

    @property
    def storage_url(self) -> str:
        return self.storage or f"file://{self.data.absolute()}/objects"


@cache
def settings() -> Settings:
    """This process's settings, read once. Doors read them and hand values down."""
    return Settings()
