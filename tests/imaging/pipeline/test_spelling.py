"""A name in an old font: proposed, spelt anew with a person's yes, found by search, the file untouched."""

import io
import warnings
from dataclasses import replace
from datetime import date

import pydicom
import pytest
from sqlmodel import select

from imaging.dicom.legacy_vietnamese import VNI
from imaging.dicom.synthetic import PatientFacts, ct_volume
from imaging.pipeline.errors import NoSuchSpelling
from imaging.pipeline.process import process
from imaging.pipeline.spelling import repair_name
from imaging.store.models import Instance, NameWord
from telehealth.core.db import session_scope
from telehealth.core.errors import Forbidden
from telehealth.identity.sessions import describe
from tests.imaging.dicom.test_legacy_vietnamese import written
from tests.imaging.pipeline.conftest import PATIENT


def in_old_font(facts: PatientFacts) -> bytes:
    """A file whose machine writes VNI and says ISO_IR 100."""
    dataset = pydicom.dcmread(io.BytesIO(ct_volume(facts, slices=1, size=64)[0]))
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.PatientName = written(VNI, "Nguyễn^Thị^Hoà")
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what else is not Latin-1 becomes question marks
        dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


async def test_a_spoilt_name_is_mended_in_the_index_with_a_persons_yes(engine, blobs, send, study_of, province):
    facts = replace(PATIENT, patient_id="", birth_date=date(1959, 3, 2))
    study_id = await send(files=[in_old_font(facts)])
    await process(engine, blobs, study_id)
    before = await study_of(study_id)
    assert before.dicom_patient_name == written(VNI, "Nguyễn^Thị^Hoà")
    async with session_scope(engine) as session:
        path = await blobs.local((await session.exec(select(Instance.blob_key))).one())
        content = path.read_bytes()
        technician, doctor = await describe(session, province.technician), await describe(session, province.doctor)
    async with session_scope(engine) as session:
        with pytest.raises(Forbidden):
            await repair_name(session, technician, study_id, "vni")
        with pytest.raises(NoSuchSpelling):
            await repair_name(session, doctor, study_id, "latin9")
    async with session_scope(engine) as session:
        await repair_name(session, doctor, study_id, "vni")
    await process(engine, blobs, study_id)
    after = await study_of(study_id)
    assert (after.dicom_patient_name, after.name_as_sent) == ("Nguyễn^Thị^Hoà", before.dicom_patient_name)
    assert (after.state, after.identity["verdict"]) == ("available", "match")
    async with session_scope(engine) as session:
        words = (await session.exec(select(NameWord.word).where(NameWord.study_id == study_id))).all()
        assert sorted(words) == ["hoa", "nguyen", "thi"]
    assert path.read_bytes() == content
