"""Why a time cannot be had."""

from telehealth.core.errors import Conflict, Invalid


class SlotTaken(Conflict):
    """facts: next_free, the next three free times as {start_at, end_at} with offset."""

    code = "slot-taken"
    title = "Somebody else has just booked this time"


class PatientBusy(Conflict):
    """facts: next_free, times at which this person has nothing else."""

    code = "patient-busy"
    title = "This person already has an appointment at that time"


class NotOffered(Conflict):
    """facts: next_free."""

    code = "not-offered"
    title = "This time is not offered"


class TooLate(Conflict):
    """facts: cut_off_h, phone of the facility."""

    code = "too-late"
    title = "It is too late to change this here; please call the hospital"


class MovedTooOften(Conflict):
    code = "moved-too-often"
    title = "This appointment has been moved too often; please call the hospital"


class ConsentMissing(Invalid):
    code = "consent-missing"
    title = "Please agree to the remote visit first"


class KeyReused(Conflict):
    code = "idempotency-key-reused"
    title = "This key was used for another request"


class HoursWrong(Invalid):
    code = "hours-wrong"
    title = "The end must be after the beginning"


class BreaksVisits(Conflict):
    """facts: visits, the beginnings of those booked that would lie outside the new hours."""

    code = "breaks-visits"
    title = "Visits are booked in this time"
