"""Names of every module with tables, so that metadata is whole without anybody importing upwards."""

from importlib import import_module

MODULES = (
    "telehealth.core.audit",
    "telehealth.identity.models",
    "telehealth.patients.models",
    "telehealth.notifications.models",
    "imaging.store.models",
    "imaging.intake.models",
    "imaging.dimse.models",
    "imaging.pipeline.models",
    "imaging.representations.models",
    "imaging.sharing.models",
    "imaging.reports.models",
    "signaling.models",
    "signaling.statistics.models",
    "telehealth.scheduling.models",
    "telehealth.referrals.models",
    "telehealth.consultations.models",
)


def load() -> None:
    """Import them all, by name."""
    for module in MODULES:
        import_module(module)
