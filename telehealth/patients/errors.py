"""What can be wrong when people are registered."""

from telehealth.core.errors import Conflict, Invalid


class PatientKnown(Conflict):
    """facts: patient_id and reasons (codes of matching.REASONS). One click takes the known person instead."""

    code = "patient-known"
    title = "A person with this personal ID number is already known"


class WhichOrganisation(Invalid):
    code = "which-organisation"
    title = "Please say for which facility you register this person"
