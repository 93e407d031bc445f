"""What a schema cannot say, so that valid requests are valid. Nothing here keeps an answer from being judged."""

import base64
import hashlib
import re

import schemathesis
from hypothesis import strategies as st

# Names that lead nowhere (RFC 2606): no endpoint or picture of these tests is ever called.
schemathesis.openapi.format(
    "uri",
    st.from_regex(r"\Ahttps?://[a-z]{1,12}\.test(:[1-9][0-9]{0,3})?(/[a-z0-9._~-]{0,20}){0,3}\Z"),
)

# Currencies whose amounts have another number of decimals than two (ISO 4217).
DECIMALS = {
    **dict.fromkeys("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split(), 0),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    **dict.fromkeys("CLF UYW".split(), 4),
}


def fit(price):
    """Cuts the decimals that the currency does not have."""
    amount, currency = price.get("amount"), price.get("currency") or "USD"
    if not isinstance(amount, str) or "." not in amount:
        return
    whole, decimals = amount.split(".", 1)
    decimals = decimals[: DECIMALS.get(currency, 2)]
    price["amount"] = f"{whole}.{decimals}" if decimals else whole


def mend_price(case):
    price = case.body.get("price") if isinstance(case.body, dict) else None
    if not isinstance(price, dict):
        return
    price = dict(price)
    if case.method.upper() == "PATCH" and "amount" not in price:
        # The amount that is there already may have decimals that another currency has not.
        price.pop("currency", None)
    fit(price)
    case.body = {**case.body, "price": price}


def mend_key(case):
    """The same key may come again, but with the same body: another one is refused."""
    key = case.headers.get("Idempotency-Key") if case.headers else None
    if isinstance(key, str) and key:
        body = hashlib.sha256(repr(case.body).encode()).hexdigest()[:16]
        inner = key.strip('"')[:200]
        case.headers["Idempotency-Key"] = f'"{inner}{body}"' if key.startswith('"') else f"{inner}{body}"


ENTITY_TAGS = re.compile(r'(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)')


def mend_tags(case):
    """Some values that are generated for headers do not have the pattern that is described."""
    for name in ("If-Match", "If-None-Match"):
        value = case.headers.get(name) if case.headers else None
        if value is not None and not ENTITY_TAGS.fullmatch(str(value)):
            case.headers[name] = '"1"'


# What was asked for when a cursor was given out.
asked = {}


def mend_cursor(case):
    """A cursor is a word that was given out, for a list with the same filters and order."""
    if not case.query or "cursor" not in case.query:
        return
    cursor = case.query["cursor"]
    if cursor in asked:
        case.query = {**asked[cursor], "cursor": cursor}
    else:
        del case.query["cursor"]


# The least picture that there is: one grey pixel.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)


@schemathesis.serializer("application/x-ndjson")
def lines(context, value):
    return value if isinstance(value, bytes) else str(value).encode()


def mend_text(case):
    """What a schema cannot say of a text or a file: that it holds lines of JSON, or a picture."""
    if case.media_type == "application/x-ndjson":
        case.body = '{"name":"Enamel mug","price":{"amount":"19.90"}}\n'
    elif case.media_type == "multipart/form-data" and isinstance(case.body, dict):
        case.body = {**case.body, "file": PNG}


@schemathesis.hook
def after_call(context, case, response):
    if response.status_code == 200 and b'"next_cursor":"' in response.content:
        asked[response.json()["next_cursor"]] = {
            name: value for name, value in case.query.items() if name != "cursor"
        }


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.meta is not None and case.meta.generation.mode.is_positive:
        mend_text(case)
        mend_price(case)
        mend_key(case)
        mend_tags(case)
        mend_cursor(case)
