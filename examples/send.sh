#!/bin/sh
# Sends a message over HTTP and waits for its result. Needs curl 7.84 or newer.
#
#     OUTBOUND_CHAT_URL=http://127.0.0.1:8080 OUTBOUND_CHAT_KEY=oc_... sh examples/send.sh +12025550123 "Hello" order-17
#
# Exit codes: 0 sent, 1 refused or not sent, 2 not final yet or nobody answers: run it again with the same words.
set -eu
to=$1 text=$2 idempotency_key=$3
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

# The API key goes in by standard input: arguments can be read by every user of the machine.
ask() {
    printf 'header = "Authorization: Bearer %s"' "${OUTBOUND_CHAT_KEY:-}" |
        curl --config - --silent --show-error --max-time 90 --output "$answer" "$@" || exit 2
}

quoted() { # one line as a JSON string
    printf '%s' "$1" | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$/"/'
}

# The same idempotency key may be sent any number of times, so what fails on the way is simply repeated.
place=$(ask --retry 5 --retry-all-errors --request POST "$OUTBOUND_CHAT_URL/v1/jobs" \
    --header "Content-Type: application/json" --header "Idempotency-Key: $idempotency_key" \
    --data "{\"sender\": \"demo\", \"to\": $(quoted "$to"), \"text\": $(quoted "$text")}" \
    --write-out '%header{location}')
if [ -z "$place" ]; then
    cat "$answer" >&2
    exit 1
fi

ask --retry 5 --retry-all-errors "$OUTBOUND_CHAT_URL$place?wait=60"
cat "$answer"
case $(cat "$answer") in
*'"state":"sent"'*) exit 0 ;;
*'"final":false'*) exit 2 ;;
*) exit 1 ;;
esac
