"""The two tables of a scan: EVENTS, which readers make, and SKETCHES, which the rest of `detect` reads.

EVENTS holds text and lives for one batch: a reader yields it, the sketch kernel turns it into
SKETCHES, and the text is dropped. SKETCHES holds no text, one row an exchange, and is what every
signal is an expression over. A field that a log does not have is null; a signal whose field is null
throughout is reported as one that could not run.
"""

from __future__ import annotations

import pyarrow as pa

TIMESTAMP = pa.timestamp("us", tz="UTC")

# Fields that pass unchanged from EVENTS to SKETCHES.
_PLAIN: list[tuple[str, pa.DataType]] = [
    ("event_id", pa.string()),
    ("source", pa.string()),  # the log file, as the user named it
    ("line", pa.int64()),  # 1-based line or record number in it
    ("time", TIMESTAMP),  # start of the request
    ("end_time", TIMESTAMP),
    ("account", pa.string()),  # who is billed or rate-limited (user, else key, else org): never null
    ("org", pa.string()),
    ("api_key", pa.string()),  # a hash, never the key
    ("session", pa.string()),
    ("end_user", pa.string()),
    ("model", pa.string()),
    ("status", pa.string()),  # "success" or "failure"
    ("address", pa.string()),  # client IP
    ("user_agent", pa.string()),
    ("input_tokens", pa.int64()),
    ("output_tokens", pa.int64()),
    ("cost_usd", pa.float64()),
    ("temperature", pa.float64()),
    ("top_p", pa.float64()),
    ("max_tokens", pa.int64()),
    ("n", pa.int64()),  # samples asked for in one request; null where not said
    ("logprobs", pa.bool_()),
    ("tools", pa.int64()),  # how many tools were offered
    ("params", pa.string()),  # canonical JSON of all sampling parameters given, "{}" where none
    ("turns", pa.int64()),  # user messages in the request; null without messages
    # Conversation: 64-bit digests over (role, text) of the non-system messages. `context` covers all
    # before the last user message (null for a first turn); `thread` covers all and the answer, that is
    # what the next turn's `context` will be.
    ("context", pa.uint64()),
    ("thread", pa.uint64()),
    # Reasoning blocks (thinking text or its signature) received in the answer and sent in the request.
    ("reasoning_out", pa.list_(pa.uint64())),
    ("reasoning_in", pa.list_(pa.uint64())),
]

EVENTS = pa.schema(
    [*_PLAIN, ("system", pa.large_string()), ("prompt", pa.large_string()), ("answer", pa.large_string())]
)
"""`system`: the system prompt; `prompt`: the last user message; `answer`: the response text."""

BANDS = 16  # MinHash-LSH bands, of ROWS permutations each
ROWS = 4
TOPICS = 32  # dimensions of the random projection of hashed words
ELICITATION = ("reasoning", "reconstruction", "grading", "censorship", "evolution", "agentic")

SKETCHES = pa.schema(
    [
        *_PLAIN,
        ("prompt_words", pa.int32()),  # null where the log holds no prompt; so are all the fields below
        ("prompt_chars", pa.int32()),
        ("answer_chars", pa.int32()),
        ("prompt_exact", pa.uint64()),  # of the normalised text
        ("prompt_masked", pa.uint64()),  # ... with numbers and quoted strings masked
        ("system_masked", pa.uint64()),  # of the system prompt; null without one
        # Scaffold keys: masked first and last words. Null where the prompt is not longer than twice that.
        ("prefix_6", pa.uint64()),
        ("prefix_12", pa.uint64()),
        ("suffix_6", pa.uint64()),
        ("suffix_12", pa.uint64()),
        ("first_line", pa.uint64()),  # null for a prompt of one line
        ("last_line", pa.uint64()),
        ("answer_shape", pa.uint64()),  # of the answer's layout (JSON keys, headings, list marks), not its words
        *[(f"band_{i}", pa.uint64()) for i in range(BANDS)],
        *[(f"topic_{i}", pa.int8()) for i in range(TOPICS)],
        *[(f"elicit_{name}", pa.float32()) for name in ELICITATION],  # log-odds of the elicitation model
    ]
)
