"""Flask: a form that sends a message, and a page that says what became of it.

flask --app examples/flask_app run
"""

from flask import Flask, Response, jsonify, request, url_for

from outbound_chat import IdempotencyConflict, InvalidJob, Job, OutboundChat, StoreError, UnknownJob

app = Flask(__name__)
# One client for all threads; it connects when it is first used, so it may be made before a server forks.
chat = OutboundChat.from_settings()


@app.post("/messages")
def send() -> tuple[Response, int, dict[str, str]]:
    """Takes `to`, `text` and `order`; a form that is sent twice sends one message."""
    job = chat.enqueue(
        sender="demo",
        to=request.form["to"],
        text=request.form["text"],
        idempotency_key=f"order-{request.form['order']}",
    )
    return jsonify(shown(job)), 202, {"Location": url_for("show", job_id=job.id)}


@app.get("/messages/<job_id>")
def show(job_id: str) -> Response:
    """What became of a message; with `attempts` and `error` while it is tried again."""
    return jsonify(shown(chat.status(job_id)))


def shown(job: Job) -> dict[str, object]:
    return {
        "id": job.id,
        "state": job.state,
        "final": job.final,
        "attempts": job.attempts,
        "error": job.error.code if job.error else None,
    }


@app.errorhandler(InvalidJob)
def invalid(error: InvalidJob) -> tuple[Response, int]:
    return jsonify(errors={fault.field: fault.message for fault in error.errors}), 422


@app.errorhandler(IdempotencyConflict)
def conflict(_: IdempotencyConflict) -> tuple[Response, int]:
    return jsonify(error="this order has another message already"), 409


@app.errorhandler(UnknownJob)
def unknown(_: UnknownJob) -> tuple[Response, int]:
    return jsonify(error="no such message"), 404


@app.errorhandler(StoreError)
def away(_: StoreError) -> tuple[Response, int, dict[str, str]]:
    return jsonify(error="try again in a moment"), 503, {"Retry-After": "2"}
