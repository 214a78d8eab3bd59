"""Whole Vietnamese names as DICOM writes them."""


def person_name(full_name: str) -> str:
    """`Nguyễn Thị Hoà` -> `Nguyễn^Hoà^Thị`, as PN wants it (PS3.5, 6.2.1.1: family^given^middle)."""
    family, *rest = full_name.split()
    return "^".join([family, *rest[-1:], " ".join(rest[:-1])]).rstrip("^")


def whole_name(person_name: str) -> str:
    """`NGUYEN^HOA^THI` -> `NGUYEN THI HOA`: the first representation as people say it, the given name last."""
    family, given, middle, *_ = [*person_name.split("=")[0].split("^"), "", ""]
    return " ".join(f"{family} {middle} {given}".split())
