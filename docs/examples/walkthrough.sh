#!/usr/bin/env bash
# The life of a product by curl and jq: PMS_KEY=pms_… ./walkthrough.sh http://localhost:8080 [PICTURE]
# PMS_KEY may be left out where the service asks for no key. What it creates, it deletes. PICTURE is a file to upload; without
# one it is a single grey pixel.
set -euo pipefail

base=${1:-http://localhost:8080}
api=${base%/}/api/v1
headers=$(mktemp)
picture=${2:-$headers.png}
trap 'rm -f "$headers" "$headers.png"' EXIT
[[ ${2:-} ]] || base64 --decode >"$picture" <<'END'
iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==
END

step() { printf '\n== %s\n' "$*"; }

# call EXPECTED METHOD PATH [CURL OPTION…]: prints the body; the answer's headers are in $headers.
call() {
    local expected=$1 method=$2 path=$3 status body
    shift 3
    body=$(curl --silent --show-error --max-time 30 --request "$method" "$api$path" --dump-header "$headers" \
        ${PMS_KEY:+--header "Authorization: Bearer $PMS_KEY"} "$@")
    status=$(awk 'NR == 1 { print $2 }' "$headers")
    printf '%s %s: %s\n' "$method" "$path" "$status" >&2
    if [[ $status != "$expected" ]]; then
        printf 'expected %s, got: %s\n' "$expected" "$body" >&2
        exit 1
    fi
    printf '%s' "$body"
}

header() { sed -n "s/^$1: \(.*\)\r$/\1/Ip" "$headers"; }

json=(--header 'Content-Type: application/json')
patch=(--header 'Content-Type: application/merge-patch+json')

step 'Create a product. The key makes it harmless to repeat when the answer is lost'
key=walkthrough-$RANDOM$RANDOM
new='{"name": "Enamel mug", "price": {"amount": "19.90", "currency": "EUR"}, "metadata": {"colour": "blue"}}'
product=$(call 201 POST /products "${json[@]}" --header "Idempotency-Key: $key" --data "$new")
jq . <<<"$product"
id=$(jq --raw-output .id <<<"$product")
again=$(call 201 POST /products "${json[@]}" --header "Idempotency-Key: $key" --data "$new")
[[ $again == "$product" && $(header idempotency-replayed) == true ]]

step 'Read it; and once more, only if it has changed'
call 200 GET "/products/$id" >/dev/null
etag=$(header etag)
call 304 GET "/products/$id" --header "If-None-Match: $etag"

step 'Change its price, and remove a pair of its metadata, unless somebody else was faster'
change='{"price": {"amount": "21.50"}, "metadata": {"colour": null}}'
call 200 PATCH "/products/$id" "${patch[@]}" --header "If-Match: $etag" --data "$change" | jq '{version, price, metadata}'
call 412 PATCH "/products/$id" "${patch[@]}" --header "If-Match: $etag" --data "$change" | jq '{code, detail}'

step 'Upload a picture of it, and watch until it is ready'
call 201 POST "/products/$id/images" --form "file=@$picture" --form 'alt=A blue mug' | jq '{id, status}'
watch() {
    curl --silent --no-buffer --max-time 60 "$api/products/$id/events" \
        ${PMS_KEY:+--header "Authorization: Bearer $PMS_KEY"}
}
images_status() { call 200 GET "/products/$id" | jq --raw-output .images_status; }
# An event says that there is something new; the product says what.
while read -r field event; do
    [[ $field == event: ]] || continue
    printf '%s\n' "$event"
    if [[ $(images_status) =~ ^(ready|partial|failed)$ ]]; then break; fi
done < <(watch)
call 200 GET "/products/$id" | jq '.images[0] | {status, width, height, variants: [.variants[].url], error}'

step 'A mistake is told with its place, all of them at once'
wrong='{"nmae": "Mug", "price": {"amount": "-1"}}'
call 422 POST /products "${json[@]}" --data "$wrong" | jq '{title, errors}'

step 'Find it: page by page, two at a time'
cursor=''
while :; do
    page=$(call 200 GET "/products?name=mug&sort=-created_at&limit=2${cursor:+&cursor=$cursor}")
    jq --compact-output '.data[] | {id, name, price}' <<<"$page"
    [[ $(jq .has_more <<<"$page") == true ]] || break
    cursor=$(jq --raw-output .next_cursor <<<"$page")
done

step 'Delete it'
etag=$(call 200 GET "/products/$id" >/dev/null && header etag)
call 204 DELETE "/products/$id" --header "If-Match: $etag"
call 404 GET "/products/$id" | jq '{code, detail}'
printf '\nDone.\n'
