"""A name that an old font spoilt is spelt anew in the index, with a person's yes. The file keeps what it says."""

from uuid import UUID

from sqlmodel import col, delete
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.dicom.legacy_vietnamese import spellings
from imaging.pipeline.errors import NoSuchSpelling
from imaging.store.access import scope_of
from imaging.store.lifecycle import STUDY, HeldBecause, StudyEvent, StudyState, advance
from imaging.store.models import NameWord, Study
from telehealth.core import audit, jobs
from telehealth.core.actor import Actor
from telehealth.core.db import fetch
from telehealth.core.jobs import Job
from telehealth.core.names import fold, name_key
from telehealth.identity import access
from telehealth.identity.access import Action


async def repair_name(session: AsyncSession, actor: Actor, study_id: UUID, code: str) -> Study:
    """Take the proposed spelling (tcvn3 or vni). The identity check comes again. Raises NoSuchSpelling."""
    study = await fetch(session, Study, study_id, lock=True)
    access.ensure(actor, Action.RESOLVE_IDENTITY, scope_of(study), hidden=True)
    meant = next((one.name for one in spellings(study.dicom_patient_name) if one.code == code), None)
    if meant is None:
        raise NoSuchSpelling()
    study.name_as_sent = study.name_as_sent or study.dicom_patient_name
    study.dicom_patient_name, study.name_fold, study.name_key = meant, fold(meant), name_key(meant)
    await session.exec(delete(NameWord).where(col(NameWord.study_id) == study.id))
    session.add_all(NameWord(word=word, study_id=study.id) for word in set(study.name_fold.split()))
    if study.state == StudyState.HELD and study.held_because == HeldBecause.MISMATCH:
        study.state = advance(STUDY, StudyState(study.state), StudyEvent.FILED)
        study.held_because, study.held_facts = None, {}
    study.version += 1  # what is cached says the old name
    study.settled_version = study.version
    session.add(study)
    audit.record(session, actor, "study.name_repaired", study.id, patient_id=study.patient_id, code=code)
    jobs.enqueue(session, Job.PROCESS_STUDY, study_id=study.id)
    return study
