"""What sign-in takes and gives over the wire."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from telehealth.core.actor import Role
from telehealth.identity.models import SessionKind


class Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class PhoneIn(Body):
    phone: str = Field(max_length=30, examples=["0912 345 678"])


class CodeIn(PhoneIn):
    code: str = Field(max_length=20, examples=["123456"])


class PasswordIn(Body):
    email: str = Field(max_length=254, examples=["lan@clinic.example"])
    password: str = Field(max_length=256, examples=["a long sentence that only I know"])
    otp: str = Field(max_length=20, examples=["123456"], description="The code of the authenticator app")


class Sent(BaseModel):
    """The same for every phone number, known or not."""

    status: str = Field("sent", examples=["sent"])
    expires_in_s: int = Field(examples=[600])


class TokenOut(BaseModel):
    access_token: str = Field(examples=["kJ3…"])
    token_type: str = Field("Bearer", examples=["Bearer"])
    expires_at: datetime


class MeOut(BaseModel):
    """Who is signed in, and what this person may reach."""

    account_id: UUID
    name: str = Field(examples=["Hoàng Thị Lan"])
    language: str = Field(examples=["vi"])
    roles: dict[Role, list[UUID]] = Field(description="Role → ids of the organisations it reaches")
    patients: list[UUID] = Field(description="The people this account may act for")


class SessionOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    kind: SessionKind
    label: str = Field(examples=["Chrome · Android"])
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    is_this_one: bool = False
