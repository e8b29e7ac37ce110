"""Notes, as phones and operators use them. Each test runs on SQLite and on MariaDB."""

import json

from app.notes import Settings


def texts_of(phone):
    data = phone.get("/api/notes").get_json()["data"]
    return [note["text"] for note in data["notes"]]


def test_notes_are_their_authors(client, sign_in):
    alice, bob = sign_in("alice"), sign_in("bob")
    assert alice.post("/api/notes", {"text": "milk"}).status_code == 200
    assert alice.post("/api/notes", {"text": "bread"}).status_code == 200
    assert texts_of(alice) == ["bread", "milk"]
    assert texts_of(bob) == []
    assert client.get("/api/notes").get_json()["error"] == "token_missing"


def test_text_is_neither_empty_nor_too_long(sign_in):
    alice = sign_in("alice")
    for text in ("", "x" * 201):
        refused = alice.post("/api/notes", {"text": text})
        assert refused.get_json()["error"] == "invalid_request"
    assert alice.post("/api/notes", {"text": "好" * 200}).status_code == 200


def test_only_the_author_can_delete(sign_in):
    alice, bob = sign_in("alice"), sign_in("bob")
    note = alice.post("/api/notes", {"text": "milk"}).get_json()["data"]
    path = f"/api/notes/{note['id']}"
    assert bob.delete(path).status_code == 404
    assert texts_of(alice) == ["milk"]
    assert alice.delete(path).status_code == 200
    assert texts_of(alice) == []
    assert alice.delete(path).status_code == 404


def test_one_more_than_allowed_is_refused(make_app, sign_in):
    app = make_app(own=(Settings(notes_max=1),))
    alice = sign_in("alice", via=app.test_client())
    assert alice.post("/api/notes", {"text": "milk"}).status_code == 200
    refused = alice.post("/api/notes", {"text": "bread"})
    assert (refused.status_code, refused.get_json()["error"]) == (409, "notes_full")


def test_erasing_the_account_deletes_its_notes_alone(sign_in, execute):
    alice, bob = sign_in("alice"), sign_in("bob")
    for phone in (alice, bob):
        phone.post("/api/notes", {"text": "milk"})
    assert alice.delete("/api/me").status_code == 200
    assert execute("SELECT count(*) FROM notes") == [(1,)]
    assert texts_of(bob) == ["milk"]


def test_export_and_command_have_the_notes(sign_in, runner):
    alice = sign_in("alice")
    note = alice.post("/api/notes", {"text": "milk"}).get_json()["data"]
    exported = runner.invoke(args=["users", "export", alice.user["id"]])
    assert json.loads(exported.stdout)["notes"] == [note]
    shown = runner.invoke(args=["notes", "show", alice.user["id"]])
    assert shown.stdout == f"{note['id']}  {note['created_at']}  'milk'\n"
