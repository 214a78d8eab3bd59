"""The `telehealth` command: every process and every act of an operator."""

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from alembic.util import CommandError
from pydantic import ValidationError
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from sqlalchemy.exc import OperationalError
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from imaging.dimse import nodes, processes
from imaging.dimse.models import Right
from imaging.intake import local
from imaging.sharing import service as sharing
from imaging.store import integrity
from imaging.store.models import Verification
from telehealth import demo as seed
from telehealth import serving, supervisor
from telehealth.app import create_app
from telehealth.core import audit, log, memory, portal, schema, tables
from telehealth.core.actor import SYSTEM, Actor, Role
from telehealth.core.blobs import blobs
from telehealth.core.db import fetch
from telehealth.core.errors import DomainError
from telehealth.core.settings import Settings, settings
from telehealth.core.tasks import ANCHORS
from telehealth.identity import passwords, second_factor
from telehealth.identity import service as identity
from telehealth.identity.models import Account, Organisation
from telehealth.identity.sessions import describe
from telehealth.referrals import uploads
from telehealth.web.assets import manifest

app = typer.Typer(name="telehealth", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
audit_app = typer.Typer(help="The audit log.", no_args_is_help=True)
app.add_typer(audit_app, name="audit")
node_app = typer.Typer(help="Devices and archives that speak DICOM with us.", no_args_is_help=True)
app.add_typer(node_app, name="node")
out = Console(soft_wrap=True, width=max(Console().width, 110))
"""Wide enough for a row of the sign-ins: a password that is cut short or folded cannot be copied."""
err = Console(stderr=True)

T = TypeVar("T")
User = Annotated[str, typer.Option("--user", help="E-mail of a person of the staff, or phone of a patient.")]


def stop(message: str) -> typer.Exit:
    """One clear line and a non-zero exit."""
    err.print(f"[red]telehealth:[/red] {message}", highlight=False)
    return typer.Exit(1)


def run(verb: Callable[[AsyncSession], Awaitable[T]]) -> T:
    """One verb in one transaction, with the errors of daily life in one line."""
    tables.load()
    try:
        return portal.run(verb)
    except DomainError as error:
        raise stop(f"{error.title}. {error.detail}") from None
    except OperationalError as error:
        raise stop(
            f"the database does not answer or has no tables yet: run `telehealth migrate` ({type(error.orig).__name__})"
        ) from None
    finally:
        portal.close()


@app.command()
def serve() -> None:
    """Run the web application: pages, API, DICOMweb and calls."""
    log.configure()
    memory.be_frugal()
    config = settings()
    try:
        supervisor.check_port(config)
    except supervisor.CannotStart as error:
        raise stop(str(error)) from None
    serving.run(create_app(config), config)


@app.command()
def worker() -> None:
    """Run the Celery worker."""
    from telehealth.worker import app as celery  # the worker's imports are heavy and only its own

    log.configure()
    concurrency = settings().worker_concurrency
    flags = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    celery.worker_main(["worker", "--loglevel=WARNING", f"--concurrency={concurrency}", *flags])


@app.command()
def encoder() -> None:
    """Run the worker of the slow queue: image forms for narrow lines and films, whenever nothing else wants the machine."""
    from telehealth.core.jobs import SLOW
    from telehealth.worker import app as celery

    log.configure()
    os.nice(15)
    flags = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    celery.worker_main(["worker", "--loglevel=WARNING", "--concurrency=1", f"--queues={SLOW}", *flags])


@app.command()
def echo() -> None:
    """Run the other end of the line check: it gives back what it hears. One process of a host that serves."""
    from signaling.media.echo import serve as give_back  # the media libraries are heavy and only its own

    log.configure()
    path = settings().echo_socket
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    asyncio.run(give_back(str(path)))


@app.command()
def beat() -> None:
    """Run the timetable: exactly one process of an installation."""
    from telehealth.worker import app as celery

    log.configure()
    config = settings()
    config.data.mkdir(parents=True, exist_ok=True)
    celery.start(["beat", "--loglevel=WARNING", "--schedule", str(config.data / "beat-schedule"), "--pidfile="])


@app.command()
def dimse() -> None:
    """Run the DICOM port: C-STORE, C-FIND, C-MOVE, C-GET, worklist."""
    config = settings()
    if not (config.dimse_port or config.dimse.tls_port):
        raise stop("no DICOM port is set: TELEHEALTH_DIMSE__PORT=11112")
    try:
        processes.run(config)
    except processes.PortTaken as error:
        raise stop(str(error)) from None


@app.command()
def migrate() -> None:
    """Bring the database to the newest schema; repeatable."""
    tables.load()
    settings().data.mkdir(parents=True, exist_ok=True)
    try:
        portal.run_async(lambda: schema.upgrade(portal.engine()))
    except schema.SchemaIsNewer as error:
        raise stop(str(error)) from None
    except (OperationalError, CommandError) as error:
        raise stop(f"the database cannot be migrated: {str(error).splitlines()[0]}") from None
    finally:
        portal.close()
    out.print(f"schema at revision {schema.head()}")


@app.command()
def demo() -> None:
    """Run everything on this machine, with a demo province. `make run` calls this."""
    config = settings().model_copy(update={"demo": True})
    try:
        with supervisor.own_folder(config):
            supervisor.check_port(config)
            migrate()
            with supervisor.broker(config), supervisor.janus(config) as found:
                os.environ.update(found)
                _run_demo(config)
    except supervisor.CannotStart as error:
        raise stop(str(error)) from None


def _run_demo(config: Settings) -> None:
    tables.load()
    signins = portal.run_async(seed.load, portal.engine(), config)
    portal.close()
    with supervisor.processes(config, ("serve",)) as front:
        supervisor.wait_until_ready(config, front)  # people first: on two cores the others would hold it up by seconds
        with supervisor.processes(config, ("worker", "encoder", "beat", "echo", *(dicom := _dimse(config)))) as behind:
            _greet(config, signins, speaks_dicom=bool(dicom))
            supervisor.watch(config, front + behind)
            out.print("stopping…")
    out.print("stopped; the data stay in", str(config.data))


def _dimse(config: Settings) -> tuple[str, ...]:
    """The DICOM port, where one is set and free; the rest does not wait for it."""
    try:
        processes.check(config)
    except processes.PortTaken as error:
        out.print(f"[yellow]{error}")
        return ()
    return ("dimse",) if config.dimse_port or config.dimse.tls_port else ()


def _greet(config: Settings, signins: list[seed.SignIn], *, speaks_dicom: bool) -> None:
    if not manifest():
        out.print("[yellow]The browser client is not built (Node 20 with npm is missing): calls, viewer and upload progress")
        out.print("[yellow]are not available; pages, API and DICOMweb work. Install Node and start again.")
    table = Table("role", "name", "sign in with", "password", title="Demo sign-ins", title_justify="left", box=box.SIMPLE)
    for person in signins:
        table.add_row(person["role"], person["name"], person["login"], person["password"] or "code on /demo/messages")
    out.print(table)
    out.print(f"second-factor code of a member of the staff: telehealth otp --user EMAIL   (or {config.address}/demo/messages)")
    out.print(f"ready: {config.address}   messages and one-time codes: {config.address}/demo/messages", highlight=False)
    if speaks_dicom and config.dimse_port:
        out.print(
            f"DICOM: {config.dimse.ae_title} at {config.host}:{config.dimse_port}, for MODALITY and STATION", highlight=False
        )
    out.print("Ctrl-C stops everything", highlight=False)


async def _account(session: AsyncSession, login: str) -> Account:
    column = Account.email if "@" in login else Account.phone
    account = (await session.exec(select(Account).where(column == login))).first()
    if account is None:
        raise stop(f"there is no account {login}")
    return account


async def _organisation(session: AsyncSession, code: str) -> Organisation:
    organisation = (await session.exec(select(Organisation).where(Organisation.code == code))).first()
    if organisation is None:
        raise stop(f"there is no organisation with the code {code}")
    return organisation


@app.command("create-user")
def create_user(
    email: Annotated[str, typer.Option(help="E-mail address: the name to sign in with.")],
    name: Annotated[str, typer.Option(help="Full name.")],
    role: Annotated[Role, typer.Option(help="Role.")],
    organisation: Annotated[str, typer.Option(help="Code of the organisation in which the role is held.")],
) -> None:
    """Add a person of the staff. The password and the authenticator's secret are shown once."""

    password = passwords.generate()

    async def create(session: AsyncSession) -> str:
        unit = await _organisation(session, organisation)
        account = await identity.create_staff(session, SYSTEM, email, name, role, unit.id, password)
        return second_factor.enrolment_uri(account)

    enrolment = run(create)
    out.print(f"e-mail    {email}", highlight=False)
    out.print(f"password  {password}", highlight=False, markup=False)
    out.print(f"otpauth   {enrolment}", highlight=False, markup=False, soft_wrap=True)


@app.command("first-administrator")
def first_administrator() -> None:
    """Print a one-time code with which the first administrator signs up at /first-administrator."""
    out.print(run(identity.first_administrator_code), highlight=False)


@app.command()
def token(
    user: User,
    days: Annotated[int, typer.Option(min=1, max=365)] = 30,
    label: Annotated[str, typer.Option(help="What it is for, shown on the account page.")] = "script",
) -> None:
    """Print a bearer token for scripts; it acts with the rights of this person."""

    async def create(session: AsyncSession) -> str:
        return await identity.create_token(session, await _account(session, user), label, days)

    print(run(create))  # noqa: T201 a script reads it


@app.command()
def otp(user: User) -> None:
    """Print a second-factor code (demo only)."""
    if not (settings().demo or seed.is_demo_folder(settings())):
        raise stop("this works in demo mode only")

    async def code(session: AsyncSession) -> str:
        return await second_factor.next_code(await _account(session, user))

    print(run(code))  # noqa: T201 a script reads it


@app.command("import")
def import_folder(
    folder: Annotated[Path, typer.Argument(exists=True, help="Folder, file or zip with DICOM files.")],
    referral: Annotated[str, typer.Option(help="Id or code of the referral.")],
    user: Annotated[str, typer.Option("--user", help="Who imports (e-mail); the referral's author if not given.")] = "",
) -> None:
    """Read DICOM files from this machine into a referral, an answer for each."""
    tables.load()

    async def main() -> int:
        async with portal.work() as session:
            question = await uploads.find(session, referral)
            person = await _account(session, user) if user else await session.get(Account, question.created_by)
            assert person is not None
            actor: Actor = await describe(session, person)
            upload = await uploads.open_upload(session, actor, question.id, None)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=err) as bar:
            line = bar.add_task("importing", total=None)
            summary = await local.import_folder(
                portal.engine(),
                blobs(),
                actor,
                upload.id,
                folder,
                lambda done, total: bar.update(line, completed=done, total=total),
            )
        for verdict, count in summary.counts.items():
            out.print(f"{verdict:12} {count}")
        for name, reason in summary.refused:
            out.print(f"  {name}: {reason}", highlight=False, markup=False)
        return 1 if summary.refused else 0

    try:
        code = portal.run_async(main)
    except DomainError as error:
        raise stop(f"{error.title}. {error.detail}") from None
    finally:
        portal.close()
    raise typer.Exit(code)


@app.command()
def gateway(
    server: Annotated[str, typer.Option(envvar="TELEHEALTH_GATEWAY_SERVER", help="Address of the province, https://…")],
    token_file: Annotated[
        Path, typer.Option(envvar="TELEHEALTH_GATEWAY_TOKEN_FILE", help="File with the clinic's bearer token.", exists=True)
    ],
    folder: Annotated[
        Path, typer.Option(envvar="TELEHEALTH_GATEWAY_FOLDER", help="Where images wait until the province has them.")
    ] = Path("gateway"),
    organisation: Annotated[
        str, typer.Option(envvar="TELEHEALTH_GATEWAY_ORGANISATION", help="Id of the unit, if the token's owner has several.")
    ] = "",
    watch: Annotated[
        Path | None, typer.Option(envvar="TELEHEALTH_GATEWAY_WATCH", help="A folder or disc drive whose files are sent too.")
    ] = None,
    ae_title: Annotated[
        str, typer.Option(envvar="TELEHEALTH_GATEWAY_AE_TITLE", help="AE title to which the devices send.")
    ] = "TELEHEALTH",
    dicom_port: Annotated[int, typer.Option(envvar="TELEHEALTH_GATEWAY_DICOM_PORT", help="0: no devices.")] = 11112,
    status_port: Annotated[
        int, typer.Option(envvar="TELEHEALTH_GATEWAY_STATUS_PORT", help="Status page on this machine; 0: none.")
    ] = 8042,
) -> None:
    """Run on a clinic's own PC: take images from its devices and folders, bring them to the province over any line."""
    from imaging.gateway import daemon  # pynetdicom is heavy and only its own
    from imaging.gateway.config import GatewayConfig

    log.configure()
    config = GatewayConfig(
        server=server,
        token=token_file.read_text().strip(),
        folder=folder,
        organisation=organisation,
        watch=watch,
        ae_title=ae_title,
        dicom_port=dicom_port,
        status_port=status_port,
    )
    stopping = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stopping.set())
    if status_port:
        out.print(f"status page: http://localhost:{status_port}", highlight=False)
    try:
        daemon.run(config, stopping)
    except OSError as error:
        raise stop(f"the gateway cannot start: {error}") from None


@app.command("export")
def export_study(
    study: Annotated[str, typer.Argument(help="Study Instance UID or id.")],
    to: Annotated[Path, typer.Option(help="The zip to write.")],
    user: User,
    deidentified: Annotated[bool, typer.Option("--deidentified", help="A copy without names; needs --project.")] = False,
    project: Annotated[str, typer.Option(help="Project of the copy: the same person keeps the same new name in it.")] = "",
) -> None:
    """Write a study as a zip with DICOMDIR, with the rights of this person and on record."""
    tables.load()

    async def main() -> None:
        async with portal.work() as session:
            actor = await describe(session, await _account(session, user))
            study_id = await sharing.study_named(session, study)
            if deidentified:
                leaving = await sharing.copy(session, actor, study_id, project)
            else:
                leaving = await sharing.export(session, actor, study_id)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        draft = to.with_name(f"{to.name}.part")
        with Progress(*columns, console=err) as bar, draft.open("wb") as file:
            line = bar.add_task("exporting", total=len(leaving.entries))
            async for piece in sharing.archive(blobs(), leaving, lambda done, _total: bar.update(line, completed=done)):
                file.write(piece)
        draft.rename(to)
        out.print(f"{to}  {to.stat().st_size} bytes", highlight=False)

    try:
        portal.run_async(main)
    except DomainError as error:
        raise stop(f"{error.title}. {error.detail}") from None
    finally:
        portal.close()


@app.command("verify-objects")
def verify_objects() -> None:
    """Read every stored image again and compare it with its fingerprint; names what is missing or changed."""
    tables.load()

    async def main() -> Verification:
        async with portal.work() as session:
            walk = await integrity.begin(session)
        with Progress(TextColumn("{task.description}"), MofNCompleteColumn(), console=err) as bar:
            line = bar.add_task("verifying", total=None)
            while not await integrity.go_on(portal.engine(), blobs(), walk.id, progress=lambda count: bar.advance(line, count)):
                continue
        async with portal.work() as session:
            return await fetch(session, Verification, walk.id)

    try:
        report = portal.run_async(main)
    finally:
        portal.close()
    for fault in report.faults:
        out.print(f"{fault['what']:8} {fault['blob_key']}", highlight=False)
    out.print(f"{report.checked} objects, {report.bytes} bytes, {report.fault_count} faults")
    raise typer.Exit(1 if report.fault_count else 0)


@audit_app.command("verify")
def audit_verify() -> None:
    """Walk the hash chain and name the first row that was changed, removed or reordered."""
    anchors = audit.read_anchors(settings().data / ANCHORS)

    async def verify(session: AsyncSession) -> tuple[audit.Broken | None, int]:
        broken = await audit.verify(session, anchors)
        return broken, (await audit.head(session))[0]

    broken, count = run(verify)
    if broken:
        raise stop(f"the audit log is broken at row {broken.seq}: {broken.reason}")
    out.print(f"{count} rows, {len(anchors)} anchors: whole")


@node_app.command("add")
def add_node(
    title: Annotated[str, typer.Argument(help="AE title of the device.")],
    address: Annotated[list[str], typer.Option(help="Address or network it calls from; may be repeated.")],
    organisation: Annotated[str, typer.Option(help="Code of the organisation it belongs to.")],
    user: Annotated[str, typer.Option("--user", help="E-mail of the person as whom it acts.")],
    right: Annotated[list[Right], typer.Option(help="What it may do; may be repeated.")] = [Right.STORE],  # noqa: B006
    certificate: Annotated[str, typer.Option(help="SHA-256 fingerprint of its TLS client certificate.")] = "",
    host: Annotated[str, typer.Option(help="Where C-MOVE and storage commitment reach it.")] = "",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 0,
    tls: Annotated[bool, typer.Option(help="Reach it by TLS.")] = False,
) -> None:
    """Let a device in by its AE title, address and, over TLS, certificate."""

    async def create(session: AsyncSession) -> None:
        unit = await _organisation(session, organisation)
        account = await _account(session, user)
        given = nodes.NodeIn(title, address, unit.id, account.id, right, certificate, host, port, tls)
        await nodes.add(session, SYSTEM, given)

    run(create)
    out.print(f"{title} may call {settings().dimse.ae_title}", highlight=False, markup=False)


@app.command()
def openapi() -> None:
    """Print the API description."""
    from telehealth.app import create_app

    json.dump(create_app().openapi(), sys.stdout, ensure_ascii=False, indent=1)


def main() -> None:
    """Entry point that turns a wrong setting into one line."""
    try:
        settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "TELEHEALTH_" + "__".join(str(step) for step in first["loc"]).upper()
        err.print(f"[red]telehealth:[/red] {name}: {first['msg']}", highlight=False)
        raise SystemExit(1) from None
    app()


if __name__ == "__main__":
    main()
