"""The conformance statement is made from what the doors really do."""

from imaging.dicom.uids import SYNTAXES
from imaging.dicomweb.resources import RESOURCES
from imaging.dimse.negotiation import RIGHT_FOR, STORAGE
from imaging.store.search import KEYS


async def test_the_page_names_every_address_key_and_syntax(sign_in, province):
    doctor = await sign_in(province.doctor)
    page = (await doctor.get("/conformance")).text
    assert [one.path for one in RESOURCES if one.path not in page] == []
    assert [uid for uid in SYNTAXES if uid not in page] == []
    assert [tag for tag in KEYS if f"({tag[:4]},{tag[4:]})" not in page] == []


async def test_the_page_names_every_service_of_associations_and_of_workstations(app, sign_in, province):
    page = (await (await sign_in(province.doctor)).get("/conformance")).text
    assert [uid for uid in (*RIGHT_FOR, *STORAGE) if uid not in page] == []
    offered = [(verb, path) for path, verbs in app.openapi()["paths"].items() for verb in verbs if "/workitems" in path]
    assert len(offered) == 9
    assert [one for one in offered if f"<code>{one[0].upper()} {one[1]}</code>" not in page] == []


async def test_the_api_description_names_the_same_addresses_with_examples_and_problems(app):
    paths = app.openapi()["paths"]
    for one in RESOURCES:
        told = paths[f"/dicomweb{one.path}"]["get"]
        assert {"200", "401", "403", "404", *map(str, one.refusals)} <= told["responses"].keys()
        assert [p["name"] for p in told["parameters"] if p["in"] == "path"] == one.names
        assert all("example" in p for p in told["parameters"])
