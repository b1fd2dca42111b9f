"""Messages of every shape come out as the same prompt, digests and reasoning blocks."""

from __future__ import annotations

from typing import Any

import pytest

from gauger.edge.formats import chat
from gauger.edge.formats.exchange import Exchange


def talk(messages: Any, response: Any = None) -> Exchange:
    exchange = Exchange()
    found, system = chat.read_messages(messages)
    chat.converse(exchange, found, chat.read_response(response), system)
    return exchange


def user(text: Any) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


ANSWERS = [
    "Seven hens.",
    {"choices": [{"message": assistant("Seven hens.")}, {"message": assistant("Eight.")}]},
    {"choices": [{"text": "Seven hens."}]},
    {"role": "assistant", "content": [{"type": "text", "text": "Seven hens."}]},
    {"output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Seven hens."}]}]},
    [{"role": "assistant", "parts": [{"type": "text", "content": "Seven hens."}], "finish_reason": "stop"}],
    '{"choices": [{"message": {"content": "Seven hens."}}]}',
]


@pytest.mark.parametrize("response", ANSWERS)
def test_an_answer_of_any_shape_is_its_text(response: Any) -> None:
    assert talk([user("How many hens?")], response).answer == "Seven hens."


PROMPTS = [
    [user("Count the hens.")],
    "Count the hens.",
    user("Count the hens."),
    {"messages": [user("Count the hens.")], "model": "m"},
    [user([{"type": "text", "text": "Count the hens."}, {"type": "image_url", "image_url": {"url": "data:..."}}])],
    [{"role": "user", "parts": [{"type": "text", "content": "Count the hens."}, {"type": "uri", "uri": "s3://x"}]}],
    [{"role": "human", "content": "Count the hens."}],
    '[{"role": "user", "content": "Count the hens."}]',
]


@pytest.mark.parametrize("messages", PROMPTS)
def test_a_prompt_of_any_shape_is_one_user_message(messages: Any) -> None:
    got, plain = talk(messages), talk([user("Count the hens.")])
    assert (got.prompt, got.turns, got.thread) == ("Count the hens.", 1, plain.thread)
    assert got.context is None


def test_the_thread_of_a_turn_is_the_context_of_the_next() -> None:
    first = talk([user("Name a bird.")], "A wren.")
    second = talk([user("Name a bird."), assistant(" A wren.\n"), user("Another.")], "A kite.")
    third = talk([user("Name a bird."), assistant("A wren."), user("Another."), assistant("A kite."), user("Last.")])
    assert first.context is None
    assert second.context == first.thread
    assert third.context == second.thread
    assert (third.prompt, third.turns) == ("Last.", 3)


def test_the_system_prompt_is_kept_apart_and_out_of_the_digests() -> None:
    plain = talk([user("Go on.")])
    for messages in (
        [{"role": "system", "content": "Be brief."}, user("Go on.")],
        [{"role": "developer", "content": "Be brief."}, user("Go on.")],
        {"system": "Be brief.", "messages": [user("Go on.")]},
        {"system": [{"type": "text", "text": "Be brief."}], "messages": [user("Go on.")]},
    ):
        got = talk(messages)
        assert (got.system, got.thread) == ("Be brief.", plain.thread)
    assert plain.system is None


def test_digests_tell_roles_and_borders_apart() -> None:
    threads = {
        talk([user("ab"), user("c")]).thread,
        talk([user("a"), user("bc")]).thread,
        talk([user("ab"), assistant("c")]).thread,
        talk([user("abc")]).thread,
        talk([user("0 4 user")]).thread,
    }
    assert len(threads) == 5


def test_tool_results_are_no_user_turns() -> None:
    called = [{"type": "tool_use", "id": "t1", "name": "clock", "input": {}}]
    result = [{"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "noon"}]}]
    got = talk([user("What time is it?"), assistant(called), user(result)], "Noon.")
    assert (got.prompt, got.turns, got.context) == ("What time is it?", 1, None)
    openai = talk([user("What time is it?"), assistant(None), {"role": "tool", "content": "noon"}], "Noon.")
    assert openai.thread == got.thread


def test_a_reasoning_block_sent_back_is_recognised() -> None:
    block = {"type": "thinking", "thinking": "First, feathers.", "signature": "c2lnbmVk"}
    got = talk([user("Why?")], {"content": [block, {"type": "text", "text": "Because."}]})
    again = talk([user("Why?"), assistant([block, {"type": "text", "text": "Because."}]), user("And?")])
    assert got.answer == "Because."
    assert got.reasoning_out == again.reasoning_in
    assert len(got.reasoning_out or ()) == 2  # the text and the signature: either may be replayed alone
    assert again.context == got.thread
    stripped = talk([user("x"), assistant([block | {"thinking": ""}]), user("And?")])
    assert set(stripped.reasoning_in or ()) < set(got.reasoning_out or ())


REASONINGS = [
    {"choices": [{"message": {"content": "Yes.", "reasoning_content": "Hm, yes."}}]},
    {"choices": [{"message": {"content": "Yes.", "thinking_blocks": [{"type": "thinking", "thinking": "Hm, yes."}]}}]},
    {"content": [{"type": "thinking", "thinking": "Hm, yes."}, {"type": "text", "text": "Yes."}]},
    [
        {
            "role": "assistant",
            "parts": [{"type": "reasoning", "content": "Hm, yes."}, {"type": "text", "content": "Yes."}],
        }
    ],
    {
        "output": [
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm, yes."}]},
            {"type": "message", "content": [{"type": "output_text", "text": "Yes."}]},
        ]
    },
]


@pytest.mark.parametrize("response", REASONINGS)
def test_reasoning_of_any_shape_has_one_digest(response: Any) -> None:
    got = talk([user("Is it?")], response)
    assert got.answer == "Yes."
    assert got.reasoning_out == [chat.digest64("Hm, yes.")]


def test_redacted_reasoning_and_sealed_data_are_digested() -> None:
    got = talk([user("?")], {"content": [{"type": "redacted_thinking", "data": "b3BhcXVl"}]})
    assert got.reasoning_out == [chat.digest64("b3BhcXVl")]
    sealed = {"output": [{"type": "reasoning", "summary": [], "encrypted_content": "b3BhcXVl"}]}
    assert talk([user("?")], sealed).reasoning_out == [chat.digest64("b3BhcXVl")]


def test_nothing_is_made_up_without_messages() -> None:
    got = talk(None, "An answer.")
    assert (got.prompt, got.turns, got.thread, got.context) == (None, None, None, None)
    assert got.answer == "An answer."
    assert talk([]).answer is None


def test_odd_messages_lose_only_their_odd_parts() -> None:
    got = talk([{"role": 5, "content": "x"}, "stray", user([None, {"type": "text", "text": "Kept."}, {"type": 3}])])
    assert got.prompt == "Kept."
