"""Handles jobs that this worker can't decrypt, and checks of numbers that the claim could not make.

The main idea: a missing key is a fault of this worker, not of the job, so jobs don't fail because of it.
"""

from datetime import timedelta

from outbound_chat.model.errors import MissingEncryptionKey
from outbound_chat.model.times import in_ms
from outbound_chat.store.scripts import ClaimedJob, OtherKey, Outcome, Result, read_suppressed, recount
from outbound_chat_worker.pump.retry import FIRST_PROBE
from outbound_chat_worker.runtime import Runtime

CODE = "no_key"
LONGEST_WAIT = timedelta(minutes=5)


def without_key(job: ClaimedJob, claim: str, error: MissingEncryptionKey, *, holds: bool) -> Result:
    """Returns the result of a job that can't be sent without a key. It costs no attempt and no slot in the pace.

    `holds`: this worker can't send any job of the sender, so the sender is put on hold, and probed after 5, 10, 20 …
    300 s. Otherwise only this job waits, 5, 10, 20 … 160 s: other jobs may use keys that are here, and other workers
    may have the missing one.
    """
    wait = FIRST_PROBE if holds else min(LONGEST_WAIT, FIRST_PROBE * 2**job.snoozes)
    return Result(
        local_id=job.local_id,
        claim=claim,
        outcome=Outcome.HOLD if holds else Outcome.SNOOZE,
        delay_ms=in_ms(wait),
        scope=f"sender:{job.sender}" if holds else "",
        code=CODE,
        called=False,
        message=str(error),
    )


def is_suppressed(runtime: Runtime, budget: str, sender: str, number: str) -> bool:
    """Returns whether the number is on either list of the sender.

    Raises:
        MissingEncryptionKey: the list is encrypted with a key that is not in the settings.
        StoreError: Redis does not answer.
    """
    keys, cipher = runtime.keys(budget), runtime.cipher
    plain = runtime.store.run(read_suppressed(keys, sender=sender, names=[number]))
    if isinstance(plain, OtherKey) or plain.entries or not plain.other:
        return not isinstance(plain, OtherKey) and bool(plain.entries)
    if not cipher.number_key_id:
        raise MissingEncryptionKey(
            f"the suppression list of {sender} is encrypted, but encryption.number_key is not set; set it"
        )
    call = read_suppressed(keys, sender=sender, key_id=cipher.number_key_id, names=[cipher.blind_index(number)])
    marked = runtime.store.run(call)
    if isinstance(marked, OtherKey):
        raise MissingEncryptionKey(
            f"the suppression list of {sender} was written with another encryption.number_key; use that key"
        )
    return bool(marked.entries)


def make_comparable(runtime: Runtime, budget: str, job: ClaimedJob, claim: str, number: str) -> None:
    """Stores the job's number in the form in which contacts are counted, and adds up those in other forms.

    Raises:
        MissingEncryptionKey: contacts are counted with a key that is not in the settings.
        StoreError: Redis does not answer.
    """
    cipher, keys = runtime.cipher, runtime.keys(budget)
    request = cipher.encrypt_if_enabled(cipher.decrypt(job.request), number)
    call = recount(keys, local_id=job.local_id, claim=claim, request=request, marks=cipher.marks(number))
    if runtime.store.run(call) == "unknown":
        raise MissingEncryptionKey(
            f"the contacts that per_recipient of {job.sender} counts have another encryption.number_key; use that key, "
            "or wait until the longest window is over"
        )
