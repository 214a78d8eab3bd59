"""Things that are made through the doors themselves: files on their way, letters, invitations, devices, claims."""

from datetime import timedelta
from uuid import UUID

from sqlmodel import select

from imaging.dimse.models import DicomNode
from imaging.intake.models import Parcel
from telehealth.core import clock
from telehealth.core.db import session_scope
from telehealth.referrals.ups import first_uid
from telehealth.scheduling.models import TimeOff
from tests.house.roles.scene import Scene, Thing

TUS = {"Tus-Resumable": "1.0.0"}
PIECES = TUS | {"Content-Type": "application/offset+octet-stream"}
LETTER = b"%PDF-1.4 a letter"
KEY = "2.25.4711"
"""Transaction UID of a workstation."""


async def call(scene: Scene) -> Thing:
    """A visit whose room is open."""
    return await scene.visit(now=True)


async def call_of_three(scene: Scene) -> Thing:
    """The same with a colleague of the specialist asked in."""
    thing = await call(scene)
    body = {"account": thing["other_specialist"]}
    path = f"/api/v1/visits/{thing['visit']}/invitations/colleagues"
    answer = await scene.clients["specialist"].post(path, json=body)
    assert answer.status_code == 201, answer.text
    return thing | {"invitation": answer.json()["id"]}


async def absence(scene: Scene) -> Thing:
    """The specialist is away for an hour, some day."""
    start = clock.now() + timedelta(days=400)
    row = TimeOff(practitioner_id=scene.province.specialist.id, start_at=start, end_at=start + timedelta(hours=1))
    async with session_scope(scene.engine) as session:
        session.add(row)
    return scene.names(absence=row.id)


async def parcel(scene: Scene) -> Thing:
    """A file of ten bytes that the clinic's technician has begun to send for a question."""
    thing = await scene.question()
    path = f"/api/v1/referrals/{thing['question']}/tus"
    answer = await scene.clients["technician"].post(path, headers=TUS | {"Upload-Length": "10"})
    assert answer.status_code == 201, answer.text
    file = answer.headers["location"].rsplit("/", 1)[1]
    async with session_scope(scene.engine) as session:
        upload = (await session.exec(select(Parcel.upload_id).where(Parcel.id == UUID(file)))).one()
    return thing | {"parcel": file, "upload": str(upload)}


async def letter(scene: Scene) -> Thing:
    """A letter that came with a question."""
    thing = await parcel(scene)
    path = f"/api/v1/uploads/{thing['upload']}/files?name=letter.pdf"
    assert (await scene.clients["technician"].post(path, content=LETTER)).status_code == 201
    told = (await scene.clients["technician"].get(f"/api/v1/uploads/{thing['upload']}")).json()
    return thing | {"letter": told["files"][0]["id"]}


async def workitem(scene: Scene) -> Thing:
    """A question as workstations see it."""
    thing = await scene.question()
    return thing | {"workitem": first_uid(UUID(thing["question"])), "key": KEY}


async def claimed_workitem(scene: Scene) -> Thing:
    """The specialist's workstation holds it; everybody else has heard of its key."""
    thing = await workitem(scene)
    path = f"/dicomweb/workitems/{thing['workitem']}/state"
    asked = {"00741000": {"vr": "CS", "Value": ["IN PROGRESS"]}, "00081195": {"vr": "UI", "Value": [KEY]}}
    answer = await scene.clients["specialist"].put(path, json=[asked])
    assert answer.status_code == 200, answer.text
    return thing


async def subscription(scene: Scene) -> Thing:
    """The specialist's workstation listens to one question and to all."""
    thing = await workitem(scene) | {"all": "1.2.840.10008.5.1.4.34.5"}
    for uid in (thing["workitem"], thing["all"]):
        answer = await scene.clients["specialist"].post(f"/dicomweb/workitems/{uid}/subscribers/STATION")
        assert answer.status_code == 201, answer.text
    return thing


async def device(scene: Scene) -> Thing:
    """A modality of the clinic; and a title that no device has."""
    thing = await scene.colleague()
    row = DicomNode(
        ae_title=f"CT{thing['number']}",
        addresses=["10.4.1.7/32"],
        organisation_id=scene.province.clinic.id,
        account_id=scene.province.technician.id,
        rights=["store"],
    )
    async with session_scope(scene.engine) as session:
        session.add(row)
    return thing | {"device": str(row.id), "title": f"MR{thing['number']}"}


async def pictures_looked_at(scene: Scene) -> Thing:
    """Pictures of which the specialist has said that no name is written in them."""
    thing = await scene.pictures()
    answer = await scene.clients["specialist"].post(f"/studies/{thing['study']}/reviewed", data={"seen": "yes"})
    assert answer.status_code == 303, answer.text
    return thing
