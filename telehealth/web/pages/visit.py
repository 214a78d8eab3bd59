"""The call page: one page for both sides of a visit."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from telehealth.consultations import service
from telehealth.consultations.lifecycle import VisitState
from telehealth.consultations.service import VisitFacts
from telehealth.core import clock
from telehealth.core.errors import NotFound
from telehealth.core.i18n import gettext as _
from telehealth.identity.deps import CurrentActor, Work
from telehealth.scheduling.lifecycle import LIVE, AppointmentStatus
from telehealth.web.render import render

router = APIRouter(include_in_schema=False)


@router.get("/visits/{appointment_id}/call")
async def call_page(appointment_id: UUID, request: Request, session: Work, actor: CurrentActor) -> HTMLResponse:
    """Devices first, then the room; before its time and after its end the same address says so."""
    facts = await service.visit_of(session, actor, appointment_id)
    return call_view(
        request,
        facts,
        phone=await service.phone_of(session, actor, facts),
        join=f"/api/v1/visits/{appointment_id}/join",
        short_link=f"{request.app.state.settings.address}/c/{short_code(appointment_id)}",
    )


def call_view(request: Request, facts: VisitFacts, join: str, phone: str = "", short_link: str = "") -> HTMLResponse:
    """The page of one side. join: where its script gets a ticket. short_link: for another browser on the same device."""
    now = clock.now()
    ended = facts.visit.state == VisitState.ENDED
    off = not ended and AppointmentStatus(facts.appointment.status) not in LIVE
    outcome = outcome_texts().get(f"outcome {facts.visit.outcome}", "") if facts.visit.outcome else ""
    door = "ended" if ended or now > facts.closes_at else "off" if off else "early" if now < facts.opens_at else "open"
    return render(
        request,
        "visit/call.html",
        facts=facts,
        door=door,
        outcome=outcome,
        cause=cause_text(facts.visit.cause),
        phone=phone,
        join=join,
        short_link=short_link,
        texts=script_texts() | outcome_texts(),
    )


@router.get("/c/{code}")
async def short_link(code: Annotated[str, Path(min_length=22, max_length=22)]) -> RedirectResponse:
    """A link short enough to copy out of a messenger: the appointment's id, written shorter."""
    try:
        appointment_id = UUID(bytes=urlsafe_b64decode(code + "=="))
    except ValueError:
        raise NotFound() from None
    return RedirectResponse(f"/visits/{appointment_id}/call", 303)


def short_code(appointment_id: UUID) -> str:
    return urlsafe_b64encode(appointment_id.bytes).decode().rstrip("=")


def outcome_texts() -> dict[str, str]:
    """How a visit ended, for both sides."""
    return {
        "outcome completed": _("The visit took place."),
        "outcome patient_absent": _("The patient did not come."),
        "outcome provider_absent": _("The specialist and the patient did not meet. This is not the patient's fault."),
        "outcome technical": _("The visit failed for technical reasons. Nobody missed it; please agree on a new time."),
        "outcome emergency_transfer": _("The visit ended with a transfer to emergency care."),
    }


def cause_text(cause: str) -> str:
    """The rule's reason in words; empty for none."""
    return {
        "said_goodbye": _("Both sides were there and said goodbye."),
        "line_lost": _("The connection was lost and did not come back."),
        "no_media": _("Both sides were in the room, but no sound or picture came through."),
        "patient_never_came": _("Nobody knocked on the patient's side."),
        "patient_line_failed": _("The patient came, but the connection could not be made."),
        "lost_while_waiting": _("The connection was lost in the waiting room."),
        "provider_never_came": _("The patient waited, and nobody came on the specialist's side."),
        "nobody_came": _("Nobody came."),
        "not_admitted": _("The patient waited and was not let in."),
        "missed_each_other": _("One side had left before the other came."),
        "too_short": _("They met for less than a minute."),
        "emergency_called": _("The emergency service was called."),
        "stated": _("The specialist stated this."),
    }.get(cause, "")


def script_texts() -> dict[str, str]:
    """What the page's script says, by its English sentence."""
    return {
        "Call 115": _("Call 115"),
        "The record does not answer. Ask for the address.": _("The record does not answer. Ask for the address."),
        "Ask to mute": _("Ask to mute"),
        "Hand over": _("Hand over"),
        "{name} leads the visit from then on. You stay as a colleague.": _(
            "{name} leads the visit from then on. You stay as a colleague."
        ),
        "Send this link to {name}. It opens this visit once, and is shown only now.": _(
            "Send this link to {name}. It opens this visit once, and is shown only now."
        ),
        "{name} is invited. Send them this address: they sign in and knock.": _(
            "{name} is invited. Send them this address: they sign in and knock."
        ),
        "Copy": _("Copy"),
        "{name} is sharing a screen": _("{name} is sharing a screen"),
        "Stop sharing": _("Stop sharing"),
        "Share screen": _("Share screen"),
        "Write to {name}": _("Write to {name}"),
        "Send": _("Send"),
        "You": _("You"),
        "Your turn comes at about {time}.": _("Your turn comes at about {time}."),
        "The room is full just now. You can come in as soon as somebody leaves.": _(
            "The room is full just now. You can come in as soon as somebody leaves."
        ),
        "This works only once you have been let in.": _("This works only once you have been let in."),
        "Only whoever leads the visit can do this.": _("Only whoever leads the visit can do this."),
        "That person is not there any more.": _("That person is not there any more."),
        "The room is full: ask somebody to leave first. Those who wait keep their place.": _(
            "The room is full: ask somebody to leave first. Those who wait keep their place."
        ),
        "Somebody else is sharing a screen. Wait until they stop.": _("Somebody else is sharing a screen. Wait until they stop."),
        "Group calls are not available just now.": _("Group calls are not available just now."),
        "Picture and sound could not be passed on. Please try again in a moment.": _(
            "Picture and sound could not be passed on. Please try again in a moment."
        ),
        "Show out": _("Show out"),
        "The line is good: sound and picture will come through.": _("The line is good: sound and picture will come through."),
        "The line will do: the picture may be small at times, the sound comes first.": _(
            "The line will do: the picture may be small at times, the sound comes first."
        ),
        "The line is weak: expect sound only. Move nearer to the Wi-Fi, or try mobile data.": _(
            "The line is weak: expect sound only. Move nearer to the Wi-Fi, or try mobile data."
        ),
        "No connection for sound and picture. Try another network, or go in all the same: the clinic can call you.": _(
            "No connection for sound and picture. Try another network, or go in all the same: the clinic can call you."
        ),
        "Measuring, about ten seconds…": _("Measuring, about ten seconds…"),
        "The line cannot be measured just now; the visit itself may work all the same.": _(
            "The line cannot be measured just now; the visit itself may work all the same."
        ),
        "up {up}, down {down} Mbit/s": _("up {up}, down {down} Mbit/s"),
        "round trip {ms} ms": _("round trip {ms} ms"),
        "lost {share} %": _("lost {share} %"),
        "relay reached": _("relay reached"),
        "relay not reached": _("relay not reached"),
        "Copied": _("Copied"),
        "{app} gives this page no camera. Open it in your phone's browser: copy this link, or use the menu with three dots.": _(
            "{app} gives this page no camera. Open it in your phone's browser: copy this link, or use the menu with three dots."
        ),
        "Press the sign left of the address, then “Permissions”, switch camera and microphone on, and load the page again.": _(
            "Press the sign left of the address, then “Permissions”, switch camera and microphone on, and load the page again."
        ),
        "Press the sign left of the address, allow camera and microphone, and load the page again.": _(
            "Press the sign left of the address, allow camera and microphone, and load the page again."
        ),
        "Press “aA” left of the address, then “Website Settings”, allow camera and microphone, and load the page again.": _(
            "Press “aA” left of the address, then “Website Settings”, allow camera and microphone, and load the page again."
        ),
        "In the menu Safari choose “Settings for This Website”, allow camera and microphone, and load the page again.": _(
            "In the menu Safari choose “Settings for This Website”, allow camera and microphone, and load the page again."
        ),
        "Press the crossed-out camera beside the address, remove the block, and load the page again.": _(
            "Press the crossed-out camera beside the address, remove the block, and load the page again."
        ),
        "Look in the browser's settings for camera and microphone, allow this page, and load it again.": _(
            "Look in the browser's settings for camera and microphone, allow this page, and load it again."
        ),
        "Specialist": _("Specialist"),
        "Colleague": _("Colleague"),
        "Patient": _("Patient"),
        "Relative": _("Relative"),
        "Interpreter": _("Interpreter"),
        "Guest": _("Guest"),
        "Sound only": _("Sound only"),
        "Sound only: the line is too weak for a picture": _("Sound only: the line is too weak for a picture"),
        "The picture stands still, the sound goes on": _("The picture stands still, the sound goes on"),
        "Sound only, as you chose. Press “Picture” to see each other again.": _(
            "Sound only, as you chose. Press “Picture” to see each other again."
        ),
        "Your line is too weak for a picture just now. The sound goes on, and the picture comes back by itself.": _(
            "Your line is too weak for a picture just now. The sound goes on, and the picture comes back by itself."
        ),
        "Connected": _("Connected"),
        "Connecting picture and sound…": _("Connecting picture and sound…"),
        "Picture and sound are interrupted. Trying again…": _("Picture and sound are interrupted. Trying again…"),
        "Connection lost. Trying again…": _("Connection lost. Trying again…"),
        "Nobody else is here yet": _("Nobody else is here yet"),
        "Somebody is waiting to come in": _("Somebody is waiting to come in"),
        "The other side has lost the connection. Their seat is kept.": _(
            "The other side has lost the connection. Their seat is kept."
        ),
        "The camera is switched off": _("The camera is switched off"),
        "You are next.": _("You are next."),
        "You are number {place} in line.": _("You are number {place} in line."),
        "The specialist is in the room and will let you in.": _("The specialist is in the room and will let you in."),
        "The specialist has not come yet.": _("The specialist has not come yet."),
        "is waiting": _("is waiting"),
        "Admit": _("Admit"),
        "Not now": _("Not now"),
        "The visit has ended": _("The visit has ended"),
        "You can close this page.": _("You can close this page."),
        "You have left the visit": _("You have left the visit"),
        "If you left by mistake, you can go in again while the visit is open.": _(
            "If you left by mistake, you can go in again while the visit is open."
        ),
        "The specialist could not let you in": _("The specialist could not let you in"),
        "Please wait for a call from the clinic or look at your visits.": _(
            "Please wait for a call from the clinic or look at your visits."
        ),
        "You were asked to leave the visit": _("You were asked to leave the visit"),
        "If this is a mistake, you can knock again.": _("If this is a mistake, you can knock again."),
        "The room is closed to newcomers": _("The room is closed to newcomers"),
        "Please ask the doctor's clinic to let you in.": _("Please ask the doctor's clinic to let you in."),
        "The visit goes on elsewhere": _("The visit goes on elsewhere"),
        "You opened this visit on another page or device, so this one was closed.": _(
            "You opened this visit on another page or device, so this one was closed."
        ),
        "The room could not be entered": _("The room could not be entered"),
        "Camera and microphone are blocked. Press the lock beside the address, allow both, then try again. "
        "You can also go in without them and use the chat.": _(
            "Camera and microphone are blocked. Press the lock beside the address, allow both, then try again. "
            "You can also go in without them and use the chat."
        ),
        "No camera or microphone was found. You can go in all the same: you will hear and see, and can write.": _(
            "No camera or microphone was found. You can go in all the same: you will hear and see, and can write."
        ),
        "Another program is using the camera or microphone. Close it and try again, or go in without them.": _(
            "Another program is using the camera or microphone. Close it and try again, or go in without them."
        ),
        "Only one of camera and microphone works. You can go in with it.": _(
            "Only one of camera and microphone works. You can go in with it."
        ),
    }
