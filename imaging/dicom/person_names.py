"""Whole Vietnamese names as DICOM writes them."""


def person_name(full_name: str) -> str:
    """`Nguyễn Thị Hoà` -> `Nguyễn^Hoà^Thị`, as PN wants it (PS3.5, 6.2.1.1: family^given^middle)."""
    family, *rest = full_name.split()
    return "^".join([family, *rest[-1:], " ".join(rest[:-1])]).rstrip("^")
