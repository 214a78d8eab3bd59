"""Who may speak DIMSE with us, and what modalities are told to do."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import JSON, Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from telehealth.core import clock
from telehealth.core.db import UtcDateTime
from telehealth.core.ids import new_id


class Right(StrEnum):
    """What a node may ask of us; an echo is free to every node."""

    STORE = "store"
    QUERY = "query"
    RETRIEVE = "retrieve"
    WORKLIST = "worklist"


class DicomNode(SQLModel, table=True):
    """A device or archive by its AE title. It acts as `account_id`, but only within `organisation_id` and below."""

    __tablename__ = "dicom_node"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    ae_title: str = Field(unique=True)
    addresses: list[str] = Field(sa_column=Column(JSON, nullable=False))
    """Networks it may call from, such as 10.4.0.0/16 or 10.4.1.7/32."""
    organisation_id: UUID = Field(foreign_key="organisation.id", index=True)
    account_id: UUID = Field(foreign_key="account.id")
    certificate_sha256: str = ""
    """Fingerprint of its TLS client certificate; with one, it is not let in without."""
    rights: list[str] = Field(sa_column=Column(JSON, nullable=False))
    host: str = ""
    """Where C-MOVE and storage commitment reach it; empty: nothing is sent there."""
    port: int = 0
    tls: bool = False
    active: bool = True
    created_at: datetime = Field(default_factory=clock.now, sa_type=UtcDateTime)


class WorklistItem(SQLModel, table=True):
    """One scheduled procedure step (PS3.4, K.6) for the modalities of an organisation.

    Written by the floors above through `worklist.schedule`: imaging does not know referrals and appointments.
    """

    __tablename__ = "worklist_item"
    __table_args__ = (UniqueConstraint("source", "source_id"),)

    id: UUID = Field(default_factory=new_id, primary_key=True)
    source: str
    """What asks for it: referral or appointment."""
    source_id: UUID
    organisation_id: UUID = Field(foreign_key="organisation.id", index=True)
    """Whose modalities see it."""
    patient_id: UUID = Field(foreign_key="patient.id")
    accession_number: str = Field(index=True)
    study_uid: str
    modality: str = ""
    """Empty where any will do."""
    scheduled_at: datetime = Field(sa_type=UtcDateTime, index=True)
    description: str = ""
    priority: str = "ROUTINE"
    """DICOM Requested Procedure Priority: STAT, HIGH, ROUTINE."""
