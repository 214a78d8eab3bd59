"""What may be refused when images leave."""

from telehealth.core.errors import Conflict, Invalid


class ReviewNeeded(Conflict):
    code = "review-needed"
    title = "The pictures may show text about the patient: somebody must look at them first"


class NothingToShare(Conflict):
    code = "nothing-to-share"
    title = "None of these images can be shared without the patient's name"


class ProjectMissing(Invalid):
    code = "project-missing"
    title = "Please name the project, in letters, digits and hyphens"
