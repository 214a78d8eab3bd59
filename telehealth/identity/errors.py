"""The folder's refusals."""

from telehealth.core.errors import Conflict, Forbidden, Invalid, SignInNeeded


class WrongSecret(SignInNeeded):
    """One answer for an unknown account, a wrong password and a wrong code."""

    code = "wrong-secret"
    title = "That is not right. Please check and try again."


class WeakPassword(Invalid):
    code = "weak-password"
    title = "Please choose a longer or less common password"


class AccountExists(Conflict):
    code = "account-exists"
    title = "There is already an account with this address"


class BadPhone(Invalid):
    code = "bad-phone"
    title = "This is not a Vietnamese phone number we can reach"


class OrganisationExists(Conflict):
    code = "organisation-exists"
    title = "There is already an organisation with this code"


class AlreadySetUp(Conflict):
    code = "already-set-up"
    title = "There is already an administrator"


class FreshFactorNeeded(Forbidden):
    """The act needs a second factor shown in the last minutes: `service.confirm_second_factor`."""

    code = "fresh-factor-needed"
    title = "Please show a new code of your authenticator app first"
