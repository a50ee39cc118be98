"""The page of suppression lists: numbers come and go in bodies, and only those who may see and change a list."""

import httpx

from tests.support.harness import number

from .conftest import Service
from .keyring import make_key
from .test_pages_send import shown


def post(http: httpx.Client, path: str = "", **form: str) -> httpx.Response:
    """Sends the form, with the sender."""
    return http.post(f"/ui/suppression{path}", data={"sender": "support", **form})


def test_numbers_are_added_found_and_removed(http: httpx.Client) -> None:
    added = post(http, "/add", numbers=f"{number(1)}\r\n{number(2)}\r\n", reason="<b>said STOP</b>")
    assert added.status_code == 303
    assert added.headers["location"].endswith("suppression?sender=support&done=added&n=2")
    assert "Numbers on the list of support: 2." in shown(http.get(f"/ui/{added.headers['location']}"))

    found = post(http, numbers=f"{number(1)}\n{number(3)}")
    assert number(1) in shown(found)
    assert "<b>said STOP</b>" in shown(found)
    assert "<b>" not in found.text
    assert "None of these" in shown(post(http, numbers=number(3)))

    assert post(http, "/remove", numbers=number(1)).headers["location"].endswith("done=removed&n=1")
    assert "Numbers on the list of support: 1." in shown(post(http, numbers=number(1)))
    assert "None of these" in shown(post(http, numbers=number(1)))


def test_a_file_is_imported_and_wrong_numbers_are_named_while_the_others_are_taken(http: httpx.Client) -> None:
    file = ("list.csv", f"name;to\nAna;{number(11)}\nBo;12\nCy;{number(12)}\n")
    form = {"sender": "support", "numbers": number(13)}
    answer = http.post("/ui/suppression/add", data=form, files={"file": file})

    assert answer.status_code == 400
    assert "numbers.#3: must be" in shown(answer)
    assert "Numbers on the list of support: " in shown(answer)
    for taken in (number(11), number(12), number(13)):
        assert taken in shown(post(http, numbers=taken))


def test_only_an_operator_sees_lists_and_no_tenant(service: Service, http: httpx.Client) -> None:
    reads, tenant = make_key(service.stack, scopes=("read",)), make_key(service.stack, "--tenant", "acme")
    form = {"sender": "support", "numbers": number(5)}

    assert http.get("/ui/suppression", headers=reads.headers).status_code == 403
    for key in (reads, tenant):
        for path in ("", "/add", "/remove"):
            assert http.post(f"/ui/suppression{path}", data=form, headers=key.headers).status_code == 403
        assert "Suppression" not in http.get("/ui/webhooks", headers=key.headers).text
