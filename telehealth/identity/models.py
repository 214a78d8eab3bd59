"""Who may come in: organisations, accounts, roles, sessions."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from telehealth.core import clock
from telehealth.core.actor import Role
from telehealth.core.db import UtcDateTime, one_of
from telehealth.core.ids import new_id


class OrganisationKind(StrEnum):
    """A label with a meaning for rules, never for the tree's depth: districts came and went."""

    PROVINCE = "province"
    HOSPITAL = "hospital"
    AREA_CENTRE = "area_centre"
    COMMUNE_STATION = "commune_station"
    READING_UNIT = "reading_unit"
    DEPARTMENT = "department"


class Organisation(SQLModel, table=True):
    """A node of the dated tree. `code` is the facility code (mã CSKCB) or our own."""

    __table_args__ = (one_of("kind", OrganisationKind),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    code: str = Field(unique=True)
    kind: str
    zone: str = "Asia/Ho_Chi_Minh"
    phone: str = ""


class OrganisationPeriod(SQLModel, table=True):
    """Name and place in the tree during [valid_from, valid_to). A merger is a new period; old records keep the old name."""

    __tablename__ = "organisation_period"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    organisation_id: UUID = Field(foreign_key="organisation.id", index=True)
    parent_id: UUID | None = Field(default=None, foreign_key="organisation.id", index=True)
    name: str
    valid_from: date
    valid_to: date | None = None


class Account(SQLModel, table=True):
    """A person who signs in: a patient or proxy by phone and code, staff by e-mail, password and second factor."""

    id: UUID = Field(default_factory=new_id, primary_key=True)
    email: str | None = Field(default=None, unique=True)
    phone: str | None = Field(default=None, unique=True)
    """E.164, such as +84912345678."""
    full_name: str
    language: str = "vi"
    password_hash: str | None = None
    totp_secret: str | None = None
    """Encrypted (core.crypto)."""
    totp_confirmed: bool = False
    totp_last_step: int = 0
    """The newest time step that was used: a code works once (RFC 6238, 5.2)."""
    active: bool = True
    created_at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime)


class RoleGrant(SQLModel, table=True):
    """A role in an organisation and everything below it, for a time."""

    __tablename__ = "role_grant"
    __table_args__ = (one_of("role", Role), UniqueConstraint("account_id", "role", "organisation_id"))

    id: UUID = Field(default_factory=new_id, primary_key=True)
    account_id: UUID = Field(foreign_key="account.id", index=True)
    role: str
    organisation_id: UUID = Field(foreign_key="organisation.id")
    licence_number: str = ""
    valid_from: date
    valid_to: date | None = None


class Relation(StrEnum):
    SELF = "self"
    CHILD = "child"
    PARENT = "parent"
    SPOUSE = "spouse"
    OTHER = "other"


class Proxy(SQLModel, table=True):
    """This account may act for this patient, by id; `relation` says what the person is to the account's holder."""

    __table_args__ = (one_of("relation", Relation),)

    account_id: UUID = Field(foreign_key="account.id", primary_key=True)
    patient_id: UUID = Field(foreign_key="patient.id", primary_key=True)
    relation: str = Relation.SELF
    since: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime)


class SessionKind(StrEnum):
    BROWSER = "browser"
    TOKEN = "token"  # noqa: S105 a kind, not a secret


class LoginSession(SQLModel, table=True):
    """A cookie or a bearer token: the random secret is stored as SHA-256 only; revoked at once."""

    __tablename__ = "login_session"
    __table_args__ = (one_of("kind", SessionKind),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    secret_hash: str = Field(unique=True)
    kind: str
    label: str = ""
    account_id: UUID = Field(foreign_key="account.id", index=True)
    created_at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime)
    seen_at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    second_factor_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class CodePurpose(StrEnum):
    SIGN_IN = "sign_in"
    FIRST_ADMINISTRATOR = "first_administrator"


class OneTimeCode(SQLModel, table=True):
    """A code sent to a phone (or printed for the first administrator). Used once, few tries, minutes to live."""

    __tablename__ = "one_time_code"
    __table_args__ = (one_of("purpose", CodePurpose),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    purpose: str
    phone: str = Field(index=True)
    code_hash: str
    sealed: str | None = None
    """The code itself, encrypted, until it is handed to the outgoing messages."""
    language: str = "vi"
    created_at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    attempts: int = 0
    used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Attempt(SQLModel, table=True):
    """A try that counts against a limit. `key` is a digest of what is limited (account, phone, address)."""

    __table_args__ = (Index("ix_attempt_key_at", "key", "at"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    key: str
    at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime)
