"""What a clinic's gateway is told. No setting of the server is needed, nor its database."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class GatewayConfig:
    """token: a bearer token of somebody who may upload for the clinic. folder: where everything that waits lies.

    watch: a folder whose new files are sent; they stay where they are. dicom_port, status_port: 0 for none.
    """

    server: str
    token: str
    folder: Path
    organisation: str = ""
    """Id of the unit, for a token of somebody who works in several."""
    watch: Path | None = None
    ae_title: str = "TELEHEALTH"
    dicom_host: str = "0.0.0.0"  # noqa: S104 the modality is another machine of the clinic
    dicom_port: int = 11112
    status_port: int = 8042
    lanes: int = 3
    """Files on the line at once: while one waits for its answer, another uses the line."""
    language: str = "vi"
