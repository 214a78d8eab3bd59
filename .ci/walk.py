"""One booking and one upload over HTTP against a running demo: `python .ci/walk.py ADDRESS DATA_FOLDER`."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx2

from imaging.dicom.synthetic import PatientFacts, radiograph

PHONE = "+84912000001"


def client(address: str, token: str = "") -> httpx2.Client:
    headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    return httpx2.Client(base_url=address, headers=headers, timeout=60)


def expect(answer: httpx2.Response, status: int) -> Any:
    """The JSON of an answer with this status; ends the walk with the answer otherwise."""
    if answer.status_code != status:
        raise SystemExit(
            f"{answer.request.method} {answer.request.url}: {answer.status_code}, not {status}\n{answer.text[:2000]}"
        )
    return answer.json() if answer.content else None


def codes_of(visitor: httpx2.Client) -> list[str]:
    """The one-time codes sent to the demo's phone, newest first."""
    messages = expect(visitor.get("/demo/messages"), 200)["messages"]
    return [message["code"] for message in messages if message.get("code") and message["address"] == PHONE]


def book(address: str) -> None:
    """As a patient: a code by phone, a specialist, the first free time."""
    visitor = client(address)
    before = codes_of(visitor)
    expect(visitor.post("/api/v1/sign-in/code", json={"phone": PHONE}), 202)
    codes = before
    for _ in range(60):
        codes = codes_of(visitor)
        if len(codes) > len(before):
            break
        time.sleep(0.5)
    token = expect(visitor.post("/api/v1/sign-in/phone", json={"phone": PHONE, "code": codes[0]}), 200)["access_token"]
    patient = client(address, token)
    person = expect(patient.get("/api/v1/patients/own"), 200)[0]
    specialist = expect(patient.get("/api/v1/practitioners", params={"q": "le quang minh"}), 200)[0]
    days = expect(patient.get(f"/api/v1/practitioners/{specialist['id']}/free-times", params={"days": 7}), 200)
    start = next(slot["start"] for day in days["days"] for slot in day["times"])
    wish = {"practitioner_id": specialist["id"], "patient_id": person["id"], "start": start, "consent": True, "reason": "thử"}
    booked = expect(patient.post("/api/v1/appointments", json=wish), 201)
    refused = expect(patient.post("/api/v1/appointments", json=wish), 409)
    assert len(refused["next_free"]) == 3, refused
    calendar = patient.get(f"/api/v1/appointments/{booked['id']}/calendar.ics")
    assert "BEGIN:VEVENT" in calendar.text
    print(f"booked {booked['id']} at {start}; the second try was offered {len(refused['next_free'])} other times")


def upload(address: str, folder: Path) -> None:
    """As a referring doctor: a question, an image by STOW-RS under its code, until a worker has made it available."""
    people = json.loads((folder / "demo-sign-ins.json").read_text())
    doctor = next(person for person in people if person["role"] == "referring_doctor")
    environment = os.environ | {"TELEHEALTH_DATA": str(folder), "TELEHEALTH_DEMO": "true"}
    command = [sys.executable, "-m", "telehealth.cli", "otp", "--user", doctor["login"]]
    otp = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()
    secret = {"email": doctor["login"], "password": doctor["password"], "otp": otp}
    token = expect(client(address).post("/api/v1/sign-in/password", json=secret), 200)["access_token"]
    with client(address, token) as clinic:
        [patient] = expect(clinic.post("/api/v1/patients/search", json={"text": "giap van duc"}), 200)
        known = expect(clinic.get("/api/v1/referrals"), 200)[0]
        question = {
            "patient_id": patient["id"],
            "to_organisation_id": known["to_organisation_id"],
            "question": "Đọc lại phim giúp.",
            "priority": "routine",
        }
        referral = expect(clinic.post("/api/v1/referrals", json=question), 201)
        facts = PatientFacts(name=patient["full_name"], birth_date=None, sex=patient["sex"])
        image = b"".join(list(radiograph(facts, accession=referral["code"], seed=77))[:1])
        body = b"--part\r\nContent-Type: application/dicom\r\n\r\n" + image + b"\r\n--part--\r\n"
        kind = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=part'}
        stored = clinic.post("/dicomweb/studies", content=body, headers=kind | {"Accept": "application/dicom+json"})
        expect(stored, 200)
        for _ in range(240):
            studies = expect(clinic.get(f"/api/v1/referrals/{referral['id']}"), 200)["studies"]
            if studies and studies[0]["state"] == "available":
                break
            time.sleep(0.5)
        else:
            raise SystemExit(f"the study did not become available: {studies}")
        uid = studies[0]["uid"]
        thumbnail = clinic.get(f"/dicomweb/studies/{uid}/thumbnail", headers={"Accept": "image/*"})
        assert thumbnail.status_code == 200, thumbnail.text
        print(f"uploaded {uid}: available, thumbnail of {len(thumbnail.content)} bytes")


if __name__ == "__main__":
    book(sys.argv[1])
    upload(sys.argv[1], Path(sys.argv[2]))
