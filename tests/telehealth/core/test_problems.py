"""What cannot be stored is refused, not a fault."""


async def test_a_nul_in_a_text_is_never_a_fault(sign_in, province):
    doctor = await sign_in(province.doctor)
    searched = await doctor.post("/api/v1/patients/search", json={"text": "a\u0000b"})
    registered = await doctor.post("/api/v1/patients", json={"full_name": "Nguyễn\u0000Văn A"})
    found = await doctor.get("/api/v1/practitioners", params={"q": "a\u0000"})
    assert [answer.status_code for answer in (searched, registered, found) if answer.status_code >= 500] == []
