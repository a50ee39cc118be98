"""The pages that send: what is checked is shown first, what was shown is sent once, and nothing else is kept."""

import html
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from starlette.requests import Request

from outbound_chat.http.wire.row_streams import CSV_TYPE, RejectedRows, RowsBody
from outbound_chat.http.wire.turns import HAS_GONE
from outbound_chat.model.batches import Rejection
from outbound_chat.rows import CsvReader, Form, Row, UnusableFile
from tests.support.harness import number

from .conftest import Service
from .keyring import make_key
from .test_preflight import kept

ROWS = f"to,first\n{number(1)},Ana\n12,Bo\n{number(2)},<script>\n13,Cy\n{number(3)},{'x' * 400}\n"
FORM = {"sender": "support", "template": "Hello {first}", "name": "parcels"}
HOSTILE = "<script>alert(1)</script>"


def post(http: httpx.Client, form: dict[str, str], file: str | bytes | None = ROWS, **headers: str) -> httpx.Response:
    """Sends the form of a file, as a browser does; without a chosen file, it sends one without a name."""
    files = {"file": ("rows.csv", file) if file is not None else ("", b"")}
    return http.post("/ui/upload", data=form, files=files, headers=headers)


def shown(answer: httpx.Response) -> str:
    """The words of a page."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", answer.text)).split())


def checked(answer: httpx.Response) -> dict[str, str]:
    """The hidden values that a checked form is sent with."""
    return dict(re.findall(r'name="(checked|token)" value="([^"]+)"', answer.text))


def test_a_checked_file_shows_its_faults_by_line_and_a_preview_and_nothing_is_stored(
    service: Service, http: httpx.Client
) -> None:
    before = kept(service.stack)
    answer = post(http, FORM)

    assert answer.status_code == 200, answer.text
    assert "3 accepted, 2 rejected" in shown(answer)
    assert "invalid_number 2 3, 5" in shown(answer)
    assert "Hello <script>" in shown(answer)
    assert "<script>" not in answer.text.partition("</head>")[2]
    assert "Send 3 messages" in answer.text
    assert kept(service.stack) == before


def test_the_rejected_rows_of_a_checked_file_are_a_file_for_spreadsheets_and_nothing_is_stored(
    service: Service, http: httpx.Client
) -> None:
    file = f'to;first;_note\n{number(1)};Ana;\n12;"=HYPERLINK(""x"")";a\n{number(2)};"Bo;";\n13;Cy;;many\n'
    before = kept(service.stack)
    assert "Download the rejected rows" in post(http, FORM, file).text
    assert "Download the rejected rows" not in post(http, FORM, f"to,first\n{number(1)},Ana\n").text
    answer = post(http, {**FORM, "rejects": "1"}, file)

    assert answer.headers["content-disposition"] == 'attachment; filename="rejects.csv"'
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.content.startswith(b'\xef\xbb\xbfto;first;_note;_line;_errors;_row\r\n"=""12""";"=""=HYPERLINK(')
    reader = CsvReader()
    reader.any_columns = True
    first, second = (row.cells for row in (*reader.feed(answer.content), *reader.end()))
    assert (first["to"], first["first"], first["_line"]) == ("12", '=HYPERLINK("x")', "3")
    assert "[invalid_number]" in first["_errors"]
    assert (second["to"], second["_line"], second["_row"]) == ("", "5", "13;Cy;;many")
    assert "is required; choose one" in shown(post(http, {**FORM, "rejects": "1"}, None))
    assert kept(service.stack) == before


def test_too_many_rejected_rows_are_refused_before_they_fill_the_disk() -> None:
    body, rows = RowsBody(Request({"type": "http", HAS_GONE: lambda: False}), CSV_TYPE, None, Form()), RejectedRows()
    body.last = Row(1, 2, {"to": "x" * 1_000_000})
    body.reader.columns = ["to"]
    with closing(rows), pytest.raises(UnusableFile, match="100,000,000 bytes"):  # noqa: PT012  # one of them is too many
        for row in range(101):
            rows.add(Rejection(row, ()), body)


def test_a_file_is_sent_once_however_often_the_button_is_pressed(service: Service, http: httpx.Client) -> None:
    form = {**FORM, "name": "once", "hold": "held when it was uploaded"}
    form |= checked(post(http, form))

    def press(_: int) -> str:
        with service.client() as client:
            answer = post(client, form)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"].partition("?")[0].rpartition("/")[2]

    with ThreadPoolExecutor(4) as presses:
        (batch_id,) = set(presses.map(press, range(4)))
    batch = http.get(f"/v1/batches/{batch_id}").json()
    assert (batch["accepted"], batch["name"], batch["closed"]) == (3, "once", True)
    (hold,) = (one for one in http.get("/v1/holds").json()["holds"] if one["name"] == batch_id)
    assert hold["reason"] == form["hold"]
    again = post(http, {**FORM, "name": "another"})
    assert "Another batch has the same file: once , begun" in shown(again)


@pytest.mark.parametrize("change", ["file", "template", "send_at"])
def test_another_form_than_the_one_that_was_checked_is_only_checked(http: httpx.Client, change: str) -> None:
    form = FORM | checked(post(http, FORM))
    file = ROWS + f"{number(9)},Eve\n" if change == "file" else ROWS
    other = {"template": "Hi {first}", "send_at": f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%dT%H:%M}"}
    answer = post(http, {**form, **{name: value for name, value in other.items() if name == change}}, file)

    assert answer.status_code == 400
    assert "Not sent: the form or the file has changed" in shown(answer)
    assert "accepted" in shown(answer)
    assert checked(answer)["checked"] != form["checked"]


def test_rows_without_a_time_of_their_own_are_sent_not_before_that_of_the_form(http: httpx.Client) -> None:
    form = {**FORM, "send_at": "2099-01-01T09:00", "zone": "Europe/Berlin"}
    assert "send_at" in shown(post(http, form))  # too far ahead

    later = datetime.now(UTC) + timedelta(days=2)
    form["send_at"] = f"{later:%Y-%m-%dT%H:%M}"
    form |= checked(post(http, form))
    batch_id = post(http, form).headers["location"].partition("?")[0].rpartition("/")[2]
    (first, *_) = http.get(f"/v1/batches/{batch_id}/jobs").json()["jobs"]
    assert timedelta(hours=1) <= later - datetime.fromisoformat(first["send_at"]) < timedelta(hours=2, minutes=1)


@pytest.mark.parametrize(
    ("file", "says"),
    [
        (None, "is required; choose one"),
        (b"", 'no column "to"'),
        (b"\xff\xfet\x00o\x00", "is UTF-16 or UTF-32"),
        (b"PK\x03\x04\x14\x00\x06\x00\x08\x00", "NUL bytes"),
        (b"\x1f\x8b\x08broken", "gzip"),
        (b"phone\n+1\n", 'no column "to"'),
        (b"to\n", "0 accepted, 0 rejected"),
    ],
)
def test_a_file_that_can_not_be_read_gives_one_sentence(
    service: Service, http: httpx.Client, file: bytes | None, says: str
) -> None:
    answer = post(http, {"sender": "support"}, file)

    assert answer.status_code in {200, 400}, answer.text
    assert says in shown(answer)
    assert "Traceback" not in service.stack.logs()


def test_a_form_that_is_too_long_is_refused_before_it_is_read(http: httpx.Client) -> None:
    answer = http.post("/ui/upload", content=iter([b"x"]), headers={"Content-Type": "multipart/form-data; boundary=x"})

    assert answer.status_code == 413
    assert "100,000,000 bytes" in answer.text


def test_a_message_is_checked_then_sent_once(http: httpx.Client) -> None:
    form = {"sender": "support", "to": number(7), "text": f"Hello {HOSTILE}", "priority": "normal"}
    answer = http.post("/ui/send", data=form | checked(http.get("/ui/send")))
    assert answer.status_code == 200, answer.text
    assert f"Hello {HOSTILE}" in shown(answer)
    assert HOSTILE not in answer.text

    form |= checked(answer)
    places = {http.post("/ui/send", data=form).headers["location"].partition("?")[0] for _ in range(2)}
    (place,) = places
    job = http.get(f"/v1/jobs/{place.rpartition('/')[2]}").json()
    assert (job["sender"], job["priority"]) == ("support", "normal")
    assert number(7) not in place
    changed = http.post("/ui/send", data={**form, "text": "Other"})
    assert changed.status_code == 400
    assert "Not sent" in shown(changed)


def test_a_wrong_rowis_named_with_its_field(http: httpx.Client) -> None:
    answer = http.post("/ui/send", data={"sender": "support", "to": "12", "text": "Hello"})

    assert "0 accepted, 1 rejected" in shown(answer)
    assert "invalid_number" in answer.text
    assert "Send it" not in answer.text


def test_a_key_sends_only_for_its_tenant_and_with_its_senders(service: Service, http: httpx.Client) -> None:
    mine = make_key(service.stack, "--tenant", "acme", "--sender", "support", scopes=("enqueue", "read"))
    reads = make_key(service.stack, scopes=("read",))
    page = http.get("/ui/upload", headers=mine.headers)

    assert 'name="tenant"' not in page.text
    assert "<option>chat" not in page.text
    form = FORM | checked(post(http, FORM, **mine.headers))
    batch_id = post(http, form, **mine.headers).headers["location"].partition("?")[0].rpartition("/")[2]
    assert http.get(f"/v1/batches/{batch_id}", headers=mine.headers).json()["tenant"] == "acme"
    assert post(http, {**FORM, "sender": "chat"}, **mine.headers).status_code == 403
    for path in ("/ui/upload", "/ui/send"):
        assert http.get(path, headers=reads.headers).status_code == 403
    assert "Upload CSV" not in http.get("/ui/batches", headers=reads.headers).text
